package doctor

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"understudy/config"
)

func redacting(t *testing.T, salt byte) *redactor {
	t.Helper()
	r, err := newRedactor(bytes.NewReader(bytes.Repeat([]byte{salt}, 32)), false)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("# ours\nfirst-key\nfirst-key-and-more\namp&ersand-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.learnSecrets([]config.NamedFile{{Key: "storefront_keys_file", Path: file, Secret: true}})
	r.learnUsers([]byte(`{"user":"Ada"}{"assigned_user":"Grace Hopper","fields":{"users":["bob","carol"]}}`))
	return r
}

// Secrets go wherever they stand, what only looks like one stays, and JSON stays JSON.
func TestRedaction(t *testing.T) {
	r := redacting(t, 1)
	for _, c := range []struct{ text, gone string }{
		{`{"reason":"first-key-and-more"}`, "more"},
		{`{"password":"hunter2"}`, "hunter2"},
		{`{"msg":"{\"token\":\"hunter2\"}"}`, "hunter2"},
		{`{"msg":"<Password encoding=x>hunter2 and more</Password>"}`, "more"},
		{`{"password":"a b, c"}`, "b, c"},
		{`{"msg":"{\"token\":\"a b, c\",\"zone\":1}"}`, "b, c"},
		{`{"msg":"amp\u0026ersand-key"}`, "ersand-key"},
		{`{"msg":"ada@example.test asked"}`, "ada@"},
		{`{"msg":"EXAMPLE\\nora asked"}`, "nora"},
		{`{"msg":"Grace Hopper and BOB. Ada, carol"}`, "Hopper"},
		{`{"msg":"BOB."}`, "BOB"},
		{`{"msg":"https://x:hunter2@host/"}`, "hunter2"},
	} {
		got := r.clean(c.text)
		if strings.Contains(got, c.gone) {
			t.Errorf("%s: got %s with %q in it", c.text, got, c.gone)
		}
		if !json.Valid([]byte(got)) {
			t.Errorf("%s: %s is no JSON", c.text, got)
		}
	}
	for _, plain := range []string{
		`{"token_file":"/etc/understudy/token","connector":"cc01.example.test"}`,
		`{"digest":"0123456789abcdef0123456789abcdef","msg":"two lines\nnot a domain"}`,
	} {
		if got := r.clean(plain); got != plain {
			t.Errorf("got %s, want %s as it is", got, plain)
		}
	}
}

// Equal names look equal in one bundle, whatever their case, and differ in another.
func TestNamesAreHashedWithASalt(t *testing.T) {
	a, b := redacting(t, 1), redacting(t, 2)
	if a.clean("Ada") != a.clean("ADA") || a.clean("ada") == a.clean("bob") {
		t.Error("equal names look different, or different ones equal")
	}
	if a.clean("ada") == b.clean("ada") {
		t.Error("two bundles can be compared")
	}
}

// Arguments of programs and accounts are no part of the configuration that is packed.
func TestSettingsAreHarmless(t *testing.T) {
	var tree any
	if err := json.Unmarshal([]byte(`{"hooks":{"on_elected":["/bin/x","hunter2"]},"xml_service":{"user":"svc","servers":["https://a"]},"provider":{"ignore":["kiosk"]}}`), &tree); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(harmless("", tree))
	if err != nil || strings.Contains(string(text), "hunter2") || strings.Contains(string(text), "svc") || strings.Contains(string(text), "kiosk") || !strings.Contains(string(text), "https://a") {
		t.Errorf("got %s, %v", text, err)
	}
}

// A bundle is bounded: of what is too long the end is kept, from the beginning of a line.
func TestBundleIsBounded(t *testing.T) {
	g := &gathering{r: redacting(t, 1), room: 4000, most: 1000}
	for range 12 {
		g.add("log.txt", append(bytes.Repeat([]byte("a line first-key\n"), 200), "the end"...))
	}
	sum := 0
	for _, p := range g.cleaned()[1:] {
		sum += len(p.text)
		if len(p.text) > 1100 || bytes.Contains(p.text, []byte("key")) {
			t.Errorf("%s has %d bytes: %s", p.name, len(p.text), p.text)
		}
	}
	if first := g.cleaned()[1].text; sum > 5000 || !bytes.HasSuffix(first, []byte("the end")) {
		t.Errorf("all have %d bytes, the first ends with %q", sum, first[len(first)-10:])
	}
}

// "notes.txt: what could not be had, and why": also where the journal of the host has
// nothing of the process.
func TestEmptyJournalIsNoted(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no journalctl")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	p := &patient{doctor: &doctor{Options: Options{Patience: time.Minute}}, held: holder{pid: os.Getpid(), alive: true}}
	if text, err := p.tail(t.Context(), time.Hour); err == nil || !strings.Contains(err.Error(), "has nothing of it") {
		t.Errorf("got %q, %v", text, err)
	}
}
