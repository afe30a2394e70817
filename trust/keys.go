package trust

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Hash is of a secret with enough chance in it that nobody can guess it, so that one
// round of a fast hash is enough.
type Hash [sha256.Size]byte

const hashPrefix = "sha256:"

// HashOf returns the hash of a secret.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// String is the form of the hash in files.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// IsHash reports whether a word is meant as one.
func IsHash(text string) bool { return strings.HasPrefix(text, hashPrefix) }

// ParseHash reads what String writes.
func ParseHash(text string) (Hash, error) {
	digits, ok := strings.CutPrefix(text, hashPrefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != sha256.Size {
		return Hash{}, fmt.Errorf("it is not %s and %d hexadecimal digits", hashPrefix, 2*sha256.Size)
	}
	return Hash(b), nil
}

// Fits compares in constant time.
func (h Hash) Fits(secret string) bool {
	said := HashOf(secret)
	return subtle.ConstantTimeCompare(h[:], said[:]) == 1
}

// NewSecret returns 256 random bits as text.
func NewSecret(random io.Reader) (string, error) {
	var b [32]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), nil
}

// Key is one that a front end may show, and its name for the log.
type Key struct {
	Name string
	Hash Hash
}

// Keys are those that front ends may show.
type Keys []Key

// MakeKeys is how keys are made, for messages.
const MakeKeys = "understudy storefront keys add NAME --file FILE"

// ParseKeys reads lines of a name and a hash. Empty lines and those that begin with # do
// not count. Errors never quote what may be a key.
func ParseKeys(text []byte) (Keys, error) {
	var keys Keys
	names := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		key, err := parseKey(fields)
		if err == nil && names[key.Name] {
			err = fmt.Errorf("key %q is there twice", key.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		names[key.Name] = true
		keys = append(keys, key)
	}
	return keys, lines.Err()
}

func parseKey(fields []string) (Key, error) {
	if len(fields) != 2 {
		return Key{}, errors.New("it is not NAME and a hash: keys are kept as hashes, which are made with " + MakeKeys)
	}
	hash, err := ParseHash(fields[1])
	if err != nil {
		return Key{}, fmt.Errorf("the second word is no hash: %w; keys are made with %s", err, MakeKeys)
	}
	return Key{fields[0], hash}, nil
}

// Holder is the name of the key that is shown. It compares with every key, always for
// the same time.
func (k Keys) Holder(secret string) (name string, known bool) {
	for _, key := range k {
		if key.Hash.Fits(secret) {
			name, known = key.Name, true
		}
	}
	return name, known
}

// Secret reads a file with one secret, such as a token.
func Secret(text []byte) (string, error) {
	var secrets []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			secrets = append(secrets, line)
		}
	}
	if len(secrets) != 1 {
		return "", fmt.Errorf("the file holds %d secrets, want one", len(secrets))
	}
	return secrets[0], nil
}
