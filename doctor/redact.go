package doctor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"understudy/config"
)

// hidden stands in the place of a secret.
const hidden = "[redacted]"

// leastSecret is how long a word of a file of secrets is at least that is looked for;
// shorter ones are parts of ordinary words.
const leastSecret = 6

// Forms of secrets, whosever they are.
// telling are the keys of secrets.
const telling = `(?:password|passwd|pwd|secret|token|ticket|lease|api[_-]?key|private[_-]?key)`

var (
	pemBlock = regexp.MustCompile(`(?s)-----BEGIN [A-Z ]+-----.*?(-----END [A-Z ]+-----|$)`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic|cookie:)\s+[^\s"',]+`)
	// random is a ticket, lease or token of ours.
	random = regexp.MustCompile(`\b[a-z2-7]{32}\b`)
	// told is a key with its value, in JSON (also within a text of it), YAML or a line of a
	// log; element the same in XML.
	told    = regexp.MustCompile(`(?i)(\b` + telling + `\\?"?\s*[:=]\s*)(?:(\\")(?:[^"\\]|\\[^"])*\\"|(")(?:[^"\\]|\\.)*"|(')[^']*'|[^\s"'<,}\\]+)`)
	element = regexp.MustCompile(`(?i)(<` + telling + `\b[^<>]*>)[^<]+`)
	// inURL is a user with a password in a URL.
	inURL = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^\s/@"]+@`)
)

// Forms of user names that are known without knowing the users.
var (
	principal = regexp.MustCompile(`[\pL\pN._+-]+@[\pL\pN.-]+`)
	downLevel = regexp.MustCompile(`\b[A-Za-z0-9-]+(?:\\{1,2})[\pL\pN._-]+`)
	word      = regexp.MustCompile(`[\pL\pN._+@-]+`)
)

// userKeys are keys of JSON whose value is a user's name.
var userKeys = []string{"user", "users", "assigned_user", "previous_user", "owner", "by", "said_by", "who", "account"}

// redactor takes secrets out of texts, and makes user names unreadable: those of one
// bundle can be told from each other, and not be found out or compared with another's.
type redactor struct {
	salt    [32]byte
	names   bool // user names stay
	secrets []string
	users   map[string]bool
	phrases []string // names of several words
}

func newRedactor(random io.Reader, withNames bool) (*redactor, error) {
	r := &redactor{names: withNames, users: map[string]bool{}}
	_, err := io.ReadFull(random, r.salt[:])
	return r, err
}

// learnSecrets reads what must not be in the bundle.
func (r *redactor) learnSecrets(files []config.NamedFile) {
	for _, f := range files {
		if !f.Secret || inDataFolder(f) && filepath.Base(f.Path) != "admin.token" {
			continue // databases and states are not packed, and their leases have a form
		}
		if text, err := os.ReadFile(f.Path); err == nil {
			r.keep(strings.FieldsFunc(string(text), func(c rune) bool { return strings.ContainsRune(" \t\r\n\"';", c) }))
		}
	}
	// The longest first: one may be part of another.
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
}

// publicWords are in files of secrets and are none.
var publicWords = []string{"connector", "admin", "operator", "viewer", "algorithm", "hmac-sha256", "secret", "-----BEGIN", "-----END", "PRIVATE", "KEY-----"}

func (r *redactor) keep(words []string) {
	for _, w := range words {
		if len(w) < leastSecret || slices.Contains(publicWords, w) || strings.HasPrefix(w, "#") {
			continue
		}
		r.secrets = append(r.secrets, w)
		if quoted, err := json.Marshal(w); err == nil && string(quoted[1:len(quoted)-1]) != w {
			r.secrets = append(r.secrets, string(quoted[1:len(quoted)-1]))
		}
	}
}

// learnUsers finds the names of users in texts of JSON, one value after the other.
func (r *redactor) learnUsers(text []byte) {
	for d := json.NewDecoder(strings.NewReader(string(text))); ; {
		var value any
		if d.Decode(&value) != nil {
			return
		}
		r.descend(value, false)
	}
}

func (r *redactor) descend(value any, named bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			r.descend(inner, slices.Contains(userKeys, key))
		}
	case []any:
		for _, inner := range v {
			r.descend(inner, named)
		}
	case string:
		if named {
			r.learn(v)
		}
	}
}

func (r *redactor) learn(name string) {
	name = strings.TrimSpace(name)
	switch {
	case len(name) < 2:
	case word.FindString(name) == name:
		r.users[strings.ToLower(name)] = true
	case !slices.Contains(r.phrases, name):
		r.phrases = append(r.phrases, name)
	}
}

// clean returns a text without secrets, and without names of users.
func (r *redactor) clean(text string) string {
	text = pemBlock.ReplaceAllString(text, hidden)
	for _, s := range r.secrets {
		text = strings.ReplaceAll(text, s, hidden)
	}
	text = bearer.ReplaceAllString(text, "$1 "+hidden)
	text = random.ReplaceAllString(text, hidden)
	text = told.ReplaceAllString(text, "${1}${2}${3}${4}"+hidden+"${2}${3}${4}")
	text = element.ReplaceAllString(text, "${1}"+hidden)
	text = inURL.ReplaceAllString(text, "${1}"+hidden+"@")
	if r.names {
		return text
	}
	for _, p := range r.phrases {
		text = strings.ReplaceAll(text, p, r.hash(p))
	}
	text = downLevel.ReplaceAllStringFunc(text, r.downLevel)
	text = principal.ReplaceAllStringFunc(text, r.hash)
	return word.ReplaceAllStringFunc(text, r.word)
}

// downLevel leaves what JSON escapes alone.
func (r *redactor) downLevel(text string) string {
	domain, name, _ := strings.Cut(text, `\`)
	escaped := !strings.HasPrefix(name, `\`) && strings.ContainsAny(name[:1], "nrtubf")
	if escaped {
		return text
	}
	return domain + `\\` + r.hash(strings.TrimLeft(name, `\`))
}

func (r *redactor) word(text string) string {
	name := strings.TrimRight(text, ".")
	if !r.users[strings.ToLower(name)] {
		return text
	}
	return r.hash(name) + text[len(name):]
}

func (r *redactor) hash(name string) string {
	mac := hmac.New(sha256.New, r.salt[:])
	_, _ = mac.Write([]byte(strings.ToLower(name))) // it never fails
	return "user-" + hex.EncodeToString(mac.Sum(nil))[:12]
}
