//go:build !windows

package accounts_test

import (
	"os"
	"strings"
	"testing"

	"understudy/accounts"
	"understudy/roles"
)

// Trust 3: whoever may write the file is as good as an operator, so not everybody may.
func TestAFileThatEverybodyMayWriteIsRefused(t *testing.T) {
	path, told := file(t), []error(nil)
	add(t, path, "olaf", "one", roles.Scope{})
	f, err := accounts.Open(path, func(err error) { told = append(told, err) })
	if err != nil {
		t.Fatal(err)
	}
	line := accounts.New("eve", roles.Operator, roles.Scope{}, "two").String()
	if err := os.WriteFile(path, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o602); err != nil {
		t.Fatal(err)
	}
	if _, ok := f.Who("two"); ok || len(told) != 1 || !strings.Contains(told[0].Error(), "chmod o-w") {
		t.Errorf("%v, told %v", ok, told)
	}
	if _, ok := f.Who("one"); !ok {
		t.Error("an account that was read before does not count any more")
	}
	if _, err := accounts.Open(path, nil); err == nil || !strings.Contains(err.Error(), "every user of this host may write "+path) {
		t.Errorf("%v", err)
	}
}
