package desktop_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"understudy/desktop"
	"understudy/wire"
)

func TestStoreKeepsEverything(t *testing.T) {
	store := desktop.Store{Dir: t.TempDir()}
	fresh, err := store.Load("d1.example.test")
	if err != nil || fresh.Machine != "d1.example.test" {
		t.Fatalf("got %+v, %v; want the state of a new machine", fresh, err)
	}
	want := desktop.State{
		Machine: "d1.example.test", Term: 7, Lease: "L", Used: true, AssignedUser: "<alice>", Boot: "b", Seq: 3,
		Sessions:   []desktop.Held{held("s", "alice", wire.Reserved)},
		Reports:    []wire.SessionReport{{Seq: 3, Event: wire.SessionEnded, Session: held("r", "bob", wire.Active).Session, Used: true}},
		Connectors: []string{"http://cc01.example.test:7480"},
	}
	if err := store.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := store.Load("d1.example.test")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want, cmpopts.IgnoreUnexported(desktop.State{}, desktop.Held{})); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}
	if _, err := store.Load("d2.example.test"); err == nil || !strings.Contains(err.Error(), "belongs to machine d1") {
		t.Errorf("got %v, want the refusal of another machine's state", err)
	}
}

// A damaged file is an error in words, never an empty state: forgetting would give
// the desktop to a second user.
func TestStoreRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	store := desktop.Store{Dir: dir}
	if err := store.Save(desktop.State{Machine: "d1.example.test", Term: 71}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "desktop.json")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "cut": string(whole[:len(whole)/2]), "not JSON": "<html>",
		"changed": strings.Replace(string(whole), `"term":71`, `"term":11`, 1),
		"format":  strings.Replace(string(whole), `"format":1`, `"format":0`, 1),
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := store.Load("d1.example.test")
		damaged, ok := errors.AsType[*desktop.DamagedError](err)
		if !ok || damaged.File != file {
			t.Errorf("%s: got %v, want a DamagedError that names the file", name, err)
		}
	}
}

func TestSaveFails(t *testing.T) {
	store := desktop.Store{Dir: filepath.Join(t.TempDir(), "gone")}
	if err := store.Save(desktop.State{}); err == nil {
		t.Error("got no error from a folder that does not exist")
	}
}
