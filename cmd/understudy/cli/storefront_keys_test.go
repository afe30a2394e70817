package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/trust"
)

// A key is printed once, and its file has the hash alone; without its last key the file
// is one that has no keys, not one that is cut off.
func TestKeysOfFrontEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	code, key, problems := run(t, "storefront", "keys", "add", "sf01", "--file", file)
	key = strings.TrimSpace(key)
	text, err := os.ReadFile(file)
	if code != 0 || err != nil || len(key) != 43 || strings.Contains(string(text), key) {
		t.Fatalf("exit %d, key of %d characters, %v, %s", code, len(key), err, problems)
	}
	if keys, err := trust.ParseKeys(text); err != nil || len(keys) != 1 || !keys[0].Hash.Fits(key) {
		t.Errorf("got %v, %v; want the hash of the key", keys, err)
	}
	if code, _, problems := run(t, "storefront", "keys", "add", "sf01", "--file", file); code == 0 || !strings.Contains(problems, "already") {
		t.Errorf("a second one of the name: exit %d, %s", code, problems)
	}
	if _, list, _ := run(t, "storefront", "keys", "list", "--file", file); list != "sf01\n" {
		t.Errorf("got list %q", list)
	}
	if code, _, problems := run(t, "storefront", "keys", "remove", "#", "--file", file); code != 1 || !strings.Contains(problems, "no key") {
		t.Errorf("a key by the name of all comments: exit %d, %s", code, problems)
	}
	if err := os.WriteFile(file, []byte("sf01 "+trust.HashOf(key).String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, problems := run(t, "storefront", "keys", "remove", "sf01", "--file", file); code != 0 {
		t.Fatalf("exit %d, %s", code, problems)
	}
	if text, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(text)) == "" {
		t.Errorf("got %q, %v; want a file without keys that is not empty", text, err)
	}
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, problems := run(t, "storefront", "keys", "list", "--file", file); code == 0 || !strings.Contains(problems, trust.MakeKeys) || strings.Contains(problems, key) {
		t.Errorf("a key itself in the file: exit %d, %s; want how keys are made, and not the key", code, problems)
	}
	missing := filepath.Join(t.TempDir(), "none", "keys")
	if code, _, problems := run(t, "storefront", "keys", "list", "--file", missing); code != 1 || !strings.Contains(problems, missing) {
		t.Errorf("the keys of a file that is not there: exit %d, %s", code, problems)
	}
	if code, _, problems := run(t, "storefront", "keys", "add", "sf01", "--file", missing); code != 1 || strings.Contains(problems, "remove") {
		t.Errorf("in a folder that is not there: exit %d, %s; want that alone", code, problems)
	}
}

// The service's account may put links into a folder of its own, before root adds a key:
// nothing is written or given away behind them.
func TestKeysAreNotWrittenThroughLinks(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "keys"), filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, []byte("not ours\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, file+".new"); err != nil {
		t.Skip("this account may make no links here: ", err)
	}
	if code, _, problems := run(t, "storefront", "keys", "add", "sf01", "--file", file); code != 0 {
		t.Fatalf("exit %d, %s", code, problems)
	}
	if text, err := os.ReadFile(other); err != nil || string(text) != "not ours\n" {
		t.Errorf("behind the link is %q, %v", text, err)
	}
	if info, err := os.Lstat(file); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the keys are %v, %v, want a file", info, err)
	}
}
