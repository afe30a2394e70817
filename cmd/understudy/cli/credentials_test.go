package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/credentials"
	"understudy/env"
)

// Issue 5, 3: a line of the file of users, with the password from the standard input;
// it is shown nowhere.
func TestCredentialsHash(t *testing.T) {
	for _, c := range []struct {
		args  string
		stdin string
		code  int
	}{
		{"alice staff all", "open sesame\n", 0},
		{"alice", "open sesame", 0},
		{"alice", "\n", exitUsage},
		{"al,ice", "open sesame\n", exitUsage},
		{"", "open sesame\n", exitUsage},
	} {
		var out, errs bytes.Buffer
		a := &app{env: env.Real(), getenv: os.Getenv, stdin: strings.NewReader(c.stdin), stdout: &out, stderr: &errs}
		code := a.run(t.Context(), append([]string{"credentials", "hash"}, strings.Fields(c.args)...))
		if code != c.code || strings.Contains(out.String()+errs.String(), "sesame") {
			t.Errorf("%q, %q: got %d, %s %s; want %d", c.args, c.stdin, code, &out, &errs, c.code)
		}
		if code != 0 {
			continue
		}
		file := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := credentials.OpenLocal(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		u, err := l.Check(t.Context(), "alice", "", "open sesame")
		if want := len(strings.Fields(c.args)) - 1; err != nil || u.Name != "alice" || len(u.Groups) != want {
			t.Errorf("got %+v, %v", u, err)
		}
	}
}
