package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/pki"
	"understudy/wire"
)

// carried is what a command line printed, and its exit code.
type carried struct {
	code      int
	out, errs string
}

func carry(t *testing.T, args ...string) carried {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{env: env.Real(), getenv: func(string) string { return "" }, stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	code := a.run(t.Context(), args)
	return carried{code, out.String(), errs.String()}
}

// does wants a command line to end well and to print the words.
func does(t *testing.T, words string, args ...string) carried {
	t.Helper()
	c := carry(t, args...)
	if c.code != exitOK || !strings.Contains(c.out+c.errs, words) {
		t.Fatalf("%v: exit %d\n%s%s\nwant %q", args, c.code, c.out, c.errs, words)
	}
	return c
}

// fails wants a command line to be refused with the words.
func fails(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	if c := carry(t, args...); c.code != code || !strings.Contains(c.errs, words) {
		t.Errorf("%v: exit %d\n%s%s\nwant %d with %q", args, c.code, c.out, c.errs, code, words)
	}
}

// Issue 6, 2: `understudy pki init|issue|renew|list`, by hand.
func TestPKIByHand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	out := filepath.Join(t.TempDir(), "cc01")
	ca := []string{"--dir", dir}
	with := func(args ...string) []string { return append(append([]string{"pki"}, args...), ca...) }

	fails(t, exitUsage, "needs --dir DIR and --domain DOMAIN", with("init")...)
	fails(t, exitConfig, "understudy pki init", with("list")...)
	does(t, "What to do next:", with("init", "--domain", "example.test")...)
	fails(t, exitError, "is not overwritten", with("init", "--domain", "example.test")...)
	does(t, "Nothing was issued yet.", with("list")...)

	fails(t, exitUsage, "--name FQDN and --out PREFIX", with("issue", "--out", out)...)
	fails(t, exitError, "is outside of what this authority may sign for", with("issue", "--name", "cc01.example.org", "--out", out)...)
	fails(t, exitUsage, "an empty label", with("issue", "--name", "cc01..test", "--out", out)...)
	fails(t, exitError, "the folder of --out", with("issue", "--name", "cc01.example.test", "--out", filepath.Join(out, "none", "cc01"))...)
	does(t, "Nothing was issued yet.", with("list")...)
	does(t, "cc01.example.test, vip.example.test:", with("issue", "--name", "cc01.example.test", "--also", "vip.example.test", "--out", out)...)
	first := read(t, out+".key")
	fails(t, exitError, "not overwritten", with("issue", "--name", "cc01.example.test", "--out", out)...)
	fails(t, exitError, "has no certificate of cc02.example.test", with("renew", "--name", "cc02.example.test", "--out", out)...)
	does(t, "cc01.example.test, vip.example.test:", with("renew", "--name", "cc01.example.test", "--out", out)...)
	if read(t, out+".key") == first {
		t.Error("the key is the same after the renewal")
	}
	does(t, "no more certificates. The one it has counts until", with("revoke", "cc01.example.test")...)
	fails(t, exitError, "revoke --undo cc01.example.test", with("renew", "--name", "cc01.example.test", "--out", out)...)

	var list wire.List[pki.Entry]
	if err := json.Unmarshal([]byte(does(t, "", with("list", "--all", "-o", "json")...).out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 2 || list.Items[1].State != pki.Revoked || len(list.Items[1].Names) != 2 {
		t.Errorf("got %+v, want two certificates of a denied name", list.Items)
	}
	does(t, "may get certificates again", with("revoke", "--undo", "cc01.example.test")...)
	does(t, "cc01.example.test  valid", with("list")...)
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Issue 6, 2: "Enrolment of a new desktop with a one-time token", here by the command for
// hosts without an agent.
func TestPKIServed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	token, host := filepath.Join(t.TempDir(), "token"), filepath.Join(t.TempDir(), "sf")
	does(t, "", "pki", "init", "--dir", dir, "--domain", "example.test", "--domain", "localhost")
	url := serveAuthority(t, dir)
	printed := does(t, "for sf.example.test, once, until", "pki", "token", "--dir", dir, "--name", "sf.example.test")
	if err := os.WriteFile(token, []byte(printed.out), 0o600); err != nil {
		t.Fatal(err)
	}
	fingerprint := regexp.MustCompile("[0-9a-f]{64}").FindString(printed.errs)
	enrol := []string{"pki", "enrol", "--url", url, "--name", "sf.example.test", "--out", host}

	does(t, "file with the one-time token", "pki", "enrol", "--help")
	fails(t, exitUsage, "--ca-file or --fingerprint", enrol...)
	other := filepath.Join(t.TempDir(), "other")
	does(t, "", "pki", "init", "--dir", other, "--domain", "localhost")
	fails(t, exitError, "signed the server's certificate with --ca-file", append(slices.Clone(enrol), "--token-file", token, "--ca-file", filepath.Join(other, "ca.pem"))...)
	enrol = append(enrol, "--fingerprint", fingerprint)
	fails(t, exitError, "no token", enrol...)
	does(t, "enrolled with a one-time token, which is used now", append(enrol, "--token-file", token)...)
	if read(t, host+"-ca.pem") != read(t, filepath.Join(dir, "ca.pem")) {
		t.Error("the authority's certificate is not the one that was written")
	}
	does(t, "nothing is due before", enrol...)
	first := read(t, host+".pem")
	does(t, "renewed by the certificate before", append(enrol, "--now")...)
	if read(t, host+".pem") == first {
		t.Error("the certificate is the same after the renewal")
	}
	again := []string{"pki", "enrol", "--url", url, "--name", "sf.example.test", "--out", host + "2", "--fingerprint", fingerprint, "--token-file", token}
	fails(t, exitError, "a token counts once", again...)
}

// serveAuthority runs `pki serve` until the test ends, and returns its address.
func serveAuthority(t *testing.T, dir string) string {
	t.Helper()
	logs, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		a := &app{env: env.Real(), getenv: os.Getenv, stdout: logs, stderr: logs}
		done <- a.run(ctx, []string{"pki", "serve", "--dir", dir, "--name", "localhost", "--listen", "127.0.0.1:0"})
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-done; code != exitOK {
			t.Errorf("the service ended with %d: %s", code, read(t, logs.Name()))
		}
		logs.Close()
	})
	address := regexp.MustCompile(`"address":"127.0.0.1:(\d+)"`)
	deadline := time.After(20 * time.Second)
	for {
		if found := address.FindStringSubmatch(read(t, logs.Name())); found != nil {
			return "https://localhost:" + found[1]
		}
		select {
		case <-deadline:
			t.Fatal("the service does not start: " + read(t, logs.Name()))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
