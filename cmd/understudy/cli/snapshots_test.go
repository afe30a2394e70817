package cli_test

import (
	"context"
	"strings"
	"testing"

	"understudy/console"
	"understudy/site"
	"understudy/wire"
)

func snapshotDiff() wire.SnapshotDiff {
	v := func(n uint64) site.Version { return site.Version{History: "20260101000000abcd", Number: n} }
	return wire.SnapshotDiff{From: v(2), To: v(3), Kinds: []wire.KindDiff{
		{Kind: "machines", Before: 40, After: 18, Changed: 1, Removed: 22, Names: []string{"~ws1.example", "-ws2.example"}},
		{Kind: "users", Before: 7, After: 7, Names: []string{}},
	}}
}

// NEW-05: what an operator looks at before a version that was held back is accepted.
func TestSnapshotCommands(t *testing.T) {
	address := (&connector{status: status()}).serve(t, "unix")
	_, list, _ := run(t, "snapshots", "--connector", address)
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"snapshots list", 0, list},
		{"snapshots diff", 0, "machines: ~ws1.example, -ws2.example and 21 more"},
		{"snapshots diff -o json", 0, `"removed": 22`},
		{"snapshots verify", 0, "There is no snapshot"},
		{"snapshots accept --version h-3 --reason right", 0, "Version h-3 is accepted for the whole zone"},
		{"snapshots accept --version h", 1, "is not HISTORY-NUMBER"},
		{"snapshots rollback", 5, "there is no older generation"},
		{"snapshots lost", 2, `unknown command "lost"`},
	} {
		code, out, problems := run(t, append(strings.Fields(c.args), "--connector", address)...)
		if code != c.code || !strings.Contains(out+problems, c.want) {
			t.Errorf("%s: exit %d, want %d with %q:\n%s%s", c.args, code, c.code, c.want, out, problems)
		}
	}
}

// NEW-05: a file that is not what was written makes `verify` fail; a version that is held
// back does not.
func TestVerifyFailsWhereAFileIsDamaged(t *testing.T) {
	found := []wire.SnapshotStatus{{State: "current"}, {State: "held", Fault: "it has 2 of 6 machines"}}
	c := &connector{status: status(), change: func(o *console.Options) {
		o.SnapshotOrder = func(context.Context, wire.SnapshotOrder) (wire.SnapshotAnswer, error) {
			return wire.SnapshotAnswer{Items: found}, nil
		}
	}}
	at := "--connector=" + c.serve(t, "unix")
	if code, out, problems := run(t, "snapshots", "verify", at); code != 0 {
		t.Errorf("exit %d, want 0:\n%s%s", code, out, problems)
	}
	found[0].Fault = "the file is not what was written"
	if code, out, problems := run(t, "snapshots", "verify", at); code != 1 || !strings.Contains(out, "not what was written") || !strings.Contains(problems, "check the disk") {
		t.Errorf("exit %d, want 1:\n%s%s", code, out, problems)
	}
}
