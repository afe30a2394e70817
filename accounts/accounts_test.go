package accounts_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"understudy/accounts"
	"understudy/roles"
)

func file(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "admins")
}

func add(t *testing.T, path, name, token string, scope roles.Scope) {
	t.Helper()
	if err := accounts.Add(path, accounts.New(name, roles.Operator, scope, token)); err != nil {
		t.Fatal(err)
	}
}

// An account's line says all of it, whatever its groups and zones are called.
func TestLinesAreReadAsTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[ -~äß,=%+]{1,12}`), 0, 3)
		want := accounts.New(rapid.StringMatching(`[a-z@.]{1,9}[0-9]`).Draw(t, "name"), rapid.SampledFrom(roles.All()).Draw(t, "role"),
			roles.Scope{Groups: names.Draw(t, "groups"), Zones: names.Draw(t, "zones")}, "token")
		got, err := accounts.Parse("# comment\n\n" + want.String() + "\n")
		if err != nil || len(got) != 1 {
			t.Fatalf("%q: %v, %v", want, got, err)
		}
		for _, list := range []*[]string{&want.Groups, &want.Zones} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if d := cmp.Diff(want, got[0]); d != "" {
			t.Fatalf("%q: %s", want, d)
		}
	})
}

// A fault names its line and what to do, and never quotes what may be a secret.
func TestFaultsNameTheLine(t *testing.T) {
	good := accounts.New("olaf", roles.Operator, roles.Scope{}, "one").String()
	for name, tt := range map[string]struct{ text, want string }{
		"too few words":    {"olaf operator\n", "line 1: it is not NAME ROLE SHA256"},
		"a role":           {"\nolaf secretsecret abc\n", "line 2: the second word is not viewer or operator"},
		"a token":          {"olaf operator secretsecret\n", "line 1: the third word is not the SHA-256"},
		"twice":            {good + "\n" + strings.Replace(good, " ", " ", 1) + "\n", `line 2: account "olaf" is there already`},
		"the same token":   {good + "\n" + strings.Replace(good, "olaf", "otto", 1) + "\n", `line 2: account "otto" has the token of another one`},
		"another word":     {good + " secretsecret\n", "line 1: a word after the third begins neither with groups= nor with zones="},
		"a limit twice":    {good + " zones=a zones=b\n", "line 1: a limit is there twice"},
		"an empty limit":   {good + " groups=\n", "line 1: a delivery group or zone without a name"},
		"a reserved name":  {strings.Replace(good, "olaf", "local", 1), `line 1: "local" is no name of an account`},
		"a bad escape":     {good + " groups=%zz", "line 1: a name in a limit is not escaped"},
		"the second fault": {"a b c\n" + good + "\nx y z", "line 3: the second word"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := accounts.Parse(tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secretsecret") {
				t.Errorf("%v, want %s", err, tt.want)
			}
		})
	}
}

// Trust 3: who holds the token is the account, and nobody else is.
func TestFind(t *testing.T) {
	path := file(t)
	add(t, path, "olaf", "token-of-olaf", roles.Scope{Zones: []string{"berlin"}})
	add(t, path, "gina", "token-of-gina", roles.Scope{Groups: []string{"a b", "c,d"}})
	f, err := accounts.Open(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := f.Who("token-of-gina"); !ok || a.Name != "gina" || !slices.Equal(a.Groups, []string{"a b", "c,d"}) {
		t.Errorf("%+v, %v", a, ok)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "token-of") {
		t.Errorf("the file holds a token: %s (%v)", text, err)
	}
	for _, wrong := range []string{"", "token-of", "token-of-ginaa", strings.Fields(string(text))[2]} {
		if a, ok := f.Who(wrong); ok {
			t.Errorf("%q is %s", wrong, a.Name)
		}
	}
}

// The file counts as it is now: who is taken out of it is out with the next request.
// One that cannot be read changes nothing, and is told once.
func TestChangesCountAtOnce(t *testing.T) {
	path, told := file(t), []error(nil)
	add(t, path, "olaf", "one", roles.Scope{})
	f, err := accounts.Open(path, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	knows := func(token string, want bool) {
		t.Helper()
		if _, ok := f.Who(token); ok != want {
			t.Errorf("%s: %v, want %v", token, ok, want)
		}
	}
	add(t, path, "otto", "two", roles.Scope{})
	knows("two", true)
	if err := accounts.Remove(path, "olaf"); err != nil {
		t.Fatal(err)
	}
	knows("one", false)
	knows("two", true)
	if err := os.WriteFile(path, []byte("olaf root nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	knows("two", true)
	knows("two", true)
	if len(told) != 1 {
		t.Errorf("told %v", told)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	knows("two", true)
	knows("two", true)
	if len(told) != 2 {
		t.Errorf("told %v", told)
	}
	add(t, path, "olaf", "three", roles.Scope{})
	knows("two", false)
	knows("three", true)
}

func TestOpenWantsAFile(t *testing.T) {
	if _, err := accounts.Open(file(t), nil); err == nil || !strings.Contains(err.Error(), "understudy admin add") {
		t.Errorf("%v", err)
	}
}

// What an administrator has written beside the accounts stays, and so does the mode.
func TestEditKeepsTheRest(t *testing.T) {
	path := file(t)
	if err := os.WriteFile(path, []byte("# ours\n\n# the night shift"), 0o640); err != nil {
		t.Fatal(err)
	}
	add(t, path, "olaf", "one", roles.Scope{})
	add(t, path, "otto", "two", roles.Scope{})
	if err := accounts.Remove(path, "olaf"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	want := "# ours\n\n# the night shift\n" + accounts.New("otto", roles.Operator, roles.Scope{}, "two").String() + "\n"
	if err != nil || string(text) != want {
		t.Errorf("%q (%v), want %q", text, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(path + "?*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestEditRefuses(t *testing.T) {
	path := file(t)
	add(t, path, "olaf", "one", roles.Scope{})
	before, _ := os.ReadFile(path)
	for want, err := range map[string]error{
		"there already":             accounts.Add(path, accounts.New("olaf", roles.Viewer, roles.Scope{}, "two")),
		"token of another":          accounts.Add(path, accounts.New("otto", roles.Viewer, roles.Scope{}, "one")),
		"no name of an account":     accounts.Add(path, accounts.New("ot to", roles.Viewer, roles.Scope{}, "two")),
		`role "root" is not viewer`: accounts.Add(path, accounts.New("otto", "root", roles.Scope{}, "two")),
		"there is no account":       accounts.Remove(path, "otto"),
		"no such file":              accounts.Remove(path+"s", "otto"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := accounts.Add(path, accounts.New("otto", roles.Viewer, roles.Scope{}, "two")); err == nil || !strings.Contains(err.Error(), "remove "+path+".new") {
		t.Errorf("%v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Errorf("the file was changed: %s", after)
	}
}

// The same size in the same instant is another file: a change replaces it.
func TestAnotherFileOfTheSameSizeIsSeen(t *testing.T) {
	path := file(t)
	add(t, path, "olaf", "one", roles.Scope{})
	f, err := accounts.Open(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	if err := accounts.Remove(path, "olaf"); err != nil {
		t.Fatal(err)
	}
	add(t, path, "olaf", "two", roles.Scope{})
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Who("one"); ok {
		t.Error("a token that was taken away is good still")
	}
}

// "--groups and --zones limit either": also while somebody writes the file, a line
// whose limits are not there yet does not count.
func TestALineThatIsBeingWrittenDoesNotCount(t *testing.T) {
	path := file(t)
	add(t, path, "gina", "g", roles.Scope{Groups: []string{"office"}})
	f, err := accounts.Open(path, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut, _, _ := strings.Cut(string(text), " groups=")
	write := func(text string, age time.Duration) {
		at := time.Now().Add(-age)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	write(cut, 0)
	if who, ok := f.Who("g"); !ok || who.Unlimited() {
		t.Errorf("half of the line: %+v, %v", who, ok)
	}
	write(string(text)+"# more\n", 0)
	if who, ok := f.Who("g"); !ok || who.Unlimited() {
		t.Errorf("all of it: %+v, %v", who, ok)
	}
	write(cut, time.Minute) // an editor that ends no last line
	if who, ok := f.Who("g"); !ok || !who.Unlimited() {
		t.Errorf("a line that stays so: %+v, %v", who, ok)
	}
}
