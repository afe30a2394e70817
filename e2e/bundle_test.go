//go:build linux

package e2e_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/wire"
)

// buried are secrets and users that must not come out in a bundle.
var buried = map[string]string{
	"token of the cloud broker":  "connectors-of-berlin-0001",
	"key of Guacamole":           "4c0b569e4c96df157eee1b65dd0e4d41",
	"password in a log":          "correct-horse-battery",
	"password in a URL":          "staple-in-a-url",
	"bearer in a log":            "eyJplanted.bearer.value",
	"ticket in a log":            "abcdefghijklmnopqrstuvwxyz234567",
	"key in a log":               "MIGHAgEAMBMGByqGSM49AgEGplanted",
	"argument of a hook":         "hook-password-planted",
	"user with a session":        "alice",
	"user in a line of the log":  "planted.user",
	"user who is named in words": "bertha@example.test",
	"user of a domain":           "plantedsam",
	"operator":                   "planted-operator",
}

// plantedLog are lines that a connector should never write.
const plantedLog = `{"level":"info","msg":"planted.user has logged on","user":"planted.user","time":%[1]q}
{"level":"info","msg":"password=correct-horse-battery for bertha@example.test and EXAMPLE\\plantedsam","time":%[1]q}
{"level":"info","msg":"Authorization: Bearer eyJplanted.bearer.value, ticket abcdefghijklmnopqrstuvwxyz234567","time":%[1]q}
{"level":"info","msg":"4c0b569e4c96df157eee1b65dd0e4d41","time":%[1]q}
{"level":"info","msg":"ask https://ada:staple-in-a-url@cc02.example.test/","time":%[1]q}
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGplanted
-----END PRIVATE KEY-----
`

// TestSupportBundle: "A test plants secrets (token, key, password, ticket, session user)
// in every input and greps the bundle", beside a connector in an outage with a session,
// and after it was killed.
func TestSupportBundle(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	u := s.zone[0]
	s.write("guacamole.key", buried["key of Guacamole"]+"\n")
	u.more = fmt.Sprintf("launch: {guacamole_key_file: guacamole.key}\nlog: {file: connector.log}\nhooks: {on_elected: [/bin/true, %q]}\n", buried["argument of a hook"])
	s.up()
	_, err := u.admin().client().Outage(t.Context(), wire.OutageOrder{Action: "force", Reason: "drill", By: buried["operator"]})
	must(t, err)
	s.launches("alice", "desktop:office")
	log, err := os.OpenFile(filepath.Join(s.dir, "connector.log"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = fmt.Fprintf(log, plantedLog, time.Now().UTC().Format(time.RFC3339))
	must(t, errors.Join(err, log.Close()))
	token, err := os.ReadFile(filepath.Join(u.data(), "admin.token"))
	must(t, err)

	bundle := u.pack(t, "running.tar.gz")
	bundle.has(t, "doctor.json", "status.json", "peers.json", "snapshots.json", "sessions.json", "groups.json", "goroutines.txt", "events.ndjson", "configuration.json", "files.txt", "log.txt", "README.txt")
	bundle.hides(t, strings.TrimSpace(string(token)))
	if !strings.Contains(bundle["sessions.json"], `"office `) || !strings.Contains(bundle["log.txt"], "user-") {
		t.Errorf("got sessions %s and log %s", bundle["sessions.json"], tail(bundle["log.txt"], 10))
	}
	if !strings.Contains(bundle["goroutines.txt"], "understudy/agent.(*Agent).loop") {
		t.Errorf("the goroutines do not show the loop: %s", tail(bundle["goroutines.txt"], 10))
	}
	if open := u.pack(t, "names.tar.gz", "--with-names"); !strings.Contains(open["log.txt"], "planted.user") || strings.Contains(open["log.txt"], buried["bearer in a log"]) {
		t.Errorf("with --with-names the log has no names, or secrets: %s", tail(open["log.txt"], 10))
	}
	again := understudy(t, "support-bundle", "--config", u.file(), "--out", filepath.Join(s.dir, "running.tar.gz"))
	if again.Code != 1 || !strings.Contains(again.Stderr, "--out") {
		t.Errorf("over a file: exit %d: %s", again.Code, again.Stderr)
	}
	u.Kill()
	down := u.pack(t, "down.tar.gz")
	down.has(t, "doctor.json", "events.ndjson", "configuration.json", "files.txt", "log.txt", "notes.txt")
	down.hides(t, strings.TrimSpace(string(token)))
	if !strings.Contains(down["notes.txt"], "the running connector") || !strings.Contains(down["events.ndjson"], "outage_forced") {
		t.Errorf("of a connector that is down: notes %s", down["notes.txt"])
	}
}

// bundle is an archive by its parts.
type bundle map[string]string

// pack makes a bundle and reads it.
func (u *unit) pack(t testing.TB, name string, flags ...string) bundle {
	t.Helper()
	out := filepath.Join(u.stand.dir, name)
	r := understudy(t, append([]string{"support-bundle", "--config", u.file(), "--out", out}, flags...)...)
	if r.Code != 0 {
		t.Fatalf("support-bundle: exit %d: %s", r.Code, r.Stderr)
	}
	f, err := os.Open(out)
	must(t, err)
	defer f.Close()
	info, err := f.Stat()
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %o", info.Mode().Perm())
	}
	zip, err := gzip.NewReader(f)
	must(t, err)
	b := bundle{}
	for archive := tar.NewReader(zip); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return b
		}
		must(t, err)
		text, err := io.ReadAll(archive)
		must(t, err)
		b[strings.TrimPrefix(h.Name, "understudy/")] = string(text)
	}
}

func (b bundle) has(t testing.TB, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if b[p] == "" {
			t.Errorf("there is no %s", p)
		}
	}
}

// hides fails the test for everything that was planted and can be read.
func (b bundle) hides(t testing.TB, token string) {
	t.Helper()
	for part, text := range b {
		if strings.Contains(text, token) {
			t.Errorf("%s has the admin token", part)
		}
		for what, secret := range buried {
			if i := strings.Index(strings.ToLower(text), strings.ToLower(secret)); i >= 0 {
				t.Errorf("%s has the %s: …%s…", part, what, text[max(0, i-60):min(len(text), i+len(secret)+20)])
			}
		}
	}
}
