package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/cloud/server"
)

// "Let a line hold a hash instead": a token is printed once and its file has the hash alone;
// plain ones are replaced by their hashes and stay good, and what is beside them stays.
func TestTokensOfTheCloudBroker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens")
	order := func(words ...string) (int, string, string) {
		return run(t, append([]string{"cloud", "tokens", "--file", file}, words...)...)
	}
	code, token, problems := order("add", "cc01.example.test")
	token = strings.TrimSpace(token)
	if code != 0 || len(token) != 43 {
		t.Fatalf("exit %d, a token of %d characters, %s", code, len(token), problems)
	}
	if code, _, problems := order("remove", "cc01.example.test"); code == 0 || !strings.Contains(problems, "the last token") {
		t.Errorf("the last one: exit %d, %s", code, problems)
	}
	if code, _, problems := order("add", "cc01.example.test", "--role", "admin"); code == 0 || !strings.Contains(problems, "already") {
		t.Errorf("a second one of the name: exit %d, %s", code, problems)
	}
	if code, _, problems := order("add", "ops", "--role", "root"); code != 2 || !strings.Contains(problems, "not connector or admin") {
		t.Errorf("no role: exit %d, %s", code, problems)
	}
	const plain = "a-token-in-the-file-itself"
	text, _ := os.ReadFile(file)
	if err := os.WriteFile(file, []byte(string(text)+"# operators\nops admin "+plain), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, list, _ := order("list"); list != "cc01.example.test connector\nops admin (the token itself is in the file)\n" {
		t.Errorf("got list %q", list)
	}
	if code, _, problems := order("hash"); code != 0 {
		t.Fatalf("exit %d, %s", code, problems)
	}
	text, _ = os.ReadFile(file)
	want := string(text[:strings.Index(string(text), "cc01")]) + server.NewToken("cc01.example.test", server.Connector, token).String() +
		"\n# operators\n" + server.NewToken("ops", server.Admin, plain).String() + "\n"
	if string(text) != want || strings.Contains(want, plain) {
		t.Errorf("the file is %q, want %q", text, want)
	}
	if code, _, problems := order("remove", "cc01.example.test"); code != 0 {
		t.Errorf("exit %d, %s", code, problems)
	}
	if tokens, err := server.LoadTokens(file); err != nil || len(tokens) != 1 || tokens[0].Plain || !tokens[0].Hash.Fits(plain) {
		t.Errorf("got %v, %v; want the hash of the operator's token", tokens, err)
	}
}
