package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/accounts"
	"understudy/console"
)

// office is a connector with a file of accounts, and the tokens of those in it.
type office struct {
	t    testing.TB
	file string
	url  string
	told []console.Deed
}

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{t: t, file: filepath.Join(t.TempDir(), "admins")}
	o.add("vera", "viewer")
	list, err := accounts.Open(o.file, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	c := &connector{status: status(), change: func(options *console.Options) {
		options.Accounts, options.Tell = list, func(d console.Deed) { o.told = append(o.told, d) }
	}}
	o.url = c.serve(t, "tcp")
	return o
}

// add makes an account and returns the name of the file with its token.
func (o *office) add(name, role string, more ...string) (tokenFile string) {
	o.t.Helper()
	code, out, problems := run(o.t, append([]string{"admin", "add", name, "--role", role, "--file", o.file}, more...)...)
	if code != 0 || len(strings.TrimSpace(out)) < 32 {
		o.t.Fatalf("exit %d: %q %s", code, out, problems)
	}
	tokenFile = filepath.Join(filepath.Dir(o.file), name+".token")
	if err := os.WriteFile(tokenFile, []byte(out), 0o600); err != nil {
		o.t.Fatal(err)
	}
	return tokenFile
}

// as runs a command with somebody's token.
func (o *office) as(tokenFile string, args ...string) (code int, words string) {
	o.t.Helper()
	code, out, problems := run(o.t, append(args, "--connector", o.url, "--token-file", tokenFile)...)
	return code, out + problems
}

// Trust 3: "Roles on … the commands": a command that is not allowed ends with exit code
// 77 and says which role it needs and who one is.
func TestAnAccountOfEachRole(t *testing.T) {
	o := newOffice(t)
	viewer, group, operator := filepath.Join(filepath.Dir(o.file), "vera.token"), o.add("gina", "operator", "--groups", "office,farm"), o.add("olaf", "operator", "--zones", "berlin")
	elsewhere := o.add("tom", "operator", "--zones", "tokyo")
	for _, tt := range []struct {
		token string
		args  []string
		code  int
		says  string
	}{
		{viewer, []string{"status"}, 0, ""},
		{viewer, []string{"outage", "force"}, 77, "you are vera, viewer: this needs an operator"},
		{viewer, []string{"election", "drain"}, 77, "this needs an operator"},
		{viewer, []string{"snapshots", "accept"}, 77, "this needs an operator"},
		{viewer, []string{"whoami"}, 0, "zone berlin: no"},
		{group, []string{"outage", "force"}, 77, "you are gina, operator for delivery groups office, farm: this needs an operator who is not limited to less than the whole zone berlin"},
		{group, []string{"snapshots", "diff"}, 77, "the whole zone berlin"},
		{group, []string{"whoami"}, 0, "office, farm"},
		{elsewhere, []string{"status"}, 77, "you are tom, operator in zone tokyo"},
		{operator, []string{"outage", "force"}, 0, "Forced by olaf"},
		{operator, []string{"whoami"}, 0, "zone berlin: yes"},
	} {
		if code, words := o.as(tt.token, tt.args...); code != tt.code || !strings.Contains(words, tt.says) {
			t.Errorf("%s %v: exit %d, want %d and %q in\n%s", filepath.Base(tt.token), tt.args, code, tt.code, tt.says, words)
		}
	}
	if code, _, problems := run(t, "admin", "remove", "olaf", "--file", o.file); code != 0 {
		t.Errorf("exit %d: %s", code, problems)
	}
	if code, words := o.as(operator, "status"); code != 1 || !strings.Contains(words, "of no account there") {
		t.Errorf("exit %d: %s", code, words)
	}
	if len(o.told) != 5 || !o.told[0].Refused || o.told[4].Name != "olaf" || o.told[4].Result != console.Done {
		t.Errorf("told %+v", o.told)
	}
}

func TestAdminCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admins")
	for _, tt := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"list"}, 2, "--file FILE"},
		{[]string{"list", "--file", file}, 78, "understudy admin add"},
		{[]string{"add", "gina", "--file", file}, 2, "--role says what the account may do: viewer, operator"},
		{[]string{"add", "gina", "--role", "viewer"}, 2, "--file FILE"},
		{[]string{"add", "gina", "--role", "root", "--file", file}, 2, `role "root" is not viewer or operator`},
		{[]string{"add", "gi na", "--role", "viewer", "--file", file}, 2, "no name of an account"},
		{[]string{"add", "--role", "viewer", "--file", file}, 2, "add needs NAME"},
		{[]string{"add", "gina", "--role", "operator", "--groups", `office,"a, b"`, "--file", file}, 0, "gina, operator for delivery groups office, a, b"},
		{[]string{"add", "gina", "--role", "viewer", "--file", file}, 1, "there already"},
		{[]string{"list", "--file", file}, 0, "office, a, b"},
		{[]string{"remove", "tom", "--file", file}, 1, `there is no account "tom"`},
		{[]string{"remove", "gina"}, 2, "--file FILE"},
		{[]string{"remove", "gina", "--file", file}, 0, "no account"},
		{[]string{"list", "--file", file}, 0, "There are no accounts."},
	} {
		code, out, problems := run(t, append([]string{"admin"}, tt.args...)...)
		if code != tt.code || !strings.Contains(out+problems, tt.says) {
			t.Errorf("%v: exit %d, want %d and %q in\n%s%s", tt.args, code, tt.code, tt.says, out, problems)
		}
	}
}

// The token is printed once, to programs too, and is not in the file.
func TestAdminAddAsJSON(t *testing.T) {
	file := filepath.Join(t.TempDir(), "admins")
	code, out, problems := run(t, "admin", "add", "zoe", "--role", "viewer", "--zones", "berlin", "--file", file, "-o", "json")
	var made struct {
		Name, Role, Token string
		Zones             []string
	}
	if err := json.Unmarshal([]byte(out), &made); code != 0 || err != nil || made.Name != "zoe" || made.Role != "viewer" || len(made.Zones) != 1 || len(made.Token) != 32 {
		t.Fatalf("exit %d: %s%s", code, out, problems)
	}
	text, err := os.ReadFile(file)
	if err != nil || strings.Contains(string(text), made.Token) {
		t.Errorf("%s, %v", text, err)
	}
	list, _, err := accounts.Read(file)
	if _, ok := list.Find(made.Token); err != nil || !ok {
		t.Errorf("the printed token is of nobody: %v", err)
	}
}
