package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"understudy/env"
)

// Of several at once one makes the authority; the others say that it is there, and
// nothing of theirs is in it.
func TestInitAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	results := make([]error, 8)
	var running sync.WaitGroup
	for i := range results {
		running.Go(func() { results[i] = Init(env.Real(), dir, []string{fmt.Sprintf("d%d.test", i)}) })
	}
	running.Wait()
	winner := -1
	for i, err := range results {
		switch {
		case err == nil && winner < 0:
			winner = i
		case err == nil:
			t.Errorf("%d and %d have both made it", winner, i)
		case !strings.Contains(err.Error(), "is there already and is not overwritten"):
			t.Errorf("%d: %v, want told that there is one", i, err)
		}
	}
	a, err := Open(env.Real(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("d%d.test", winner); a.Domains()[0] != want {
		t.Errorf("the authority is for %v, want %s", a.Domains(), want)
	}
}

// A kill at each step leaves nothing, or a whole authority: as Open finds it, and as a
// second init does.
func TestInitKilledAtEachStep(t *testing.T) {
	for step := 0; ; step++ {
		dir := filepath.Join(t.TempDir(), "ca")
		err := initOn(&mortal{steps: step}, env.Real(), dir, []string{"one.test"})
		if err == nil {
			if step < 6 {
				t.Errorf("only %d steps were tried", step)
			}
			return
		}
		if !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		opened, openErr := Open(env.Real(), dir)
		if openErr != nil && !strings.Contains(openErr.Error(), "holds no authority") {
			t.Errorf("killed at %d, open: %v", step, openErr)
		}
		again := Init(env.Real(), dir, []string{"two.test"})
		whole, err := Open(env.Real(), dir)
		if err != nil {
			t.Fatalf("killed at %d, init: %v, then open: %v", step, again, err)
		}
		if was := openErr == nil; was != (again != nil) || was && whole.Fingerprint() != opened.Fingerprint() {
			t.Errorf("killed at %d: there was one %t, and a second init says %v", step, was, again)
		}
		for _, name := range []string{".next", ".new", ".tmp"} {
			if left, _ := filepath.Glob(filepath.Join(dir, "*"+name)); len(left) > 0 {
				t.Errorf("killed at %d, it left %v", step, left)
			}
		}
	}
}

// An init that is killed is ended by whoever opens the authority, or by the next init.
func TestInitEndsWhatWasBegun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if err := Init(env.Real(), dir, []string{"one.test"}); err != nil {
		t.Fatal(err)
	}
	p := filesIn(dir)
	if err := os.Rename(p.Key, p.next()); err != nil {
		t.Fatal(err)
	}
	if err := Init(env.Real(), dir, []string{"two.test"}); err == nil || !strings.Contains(err.Error(), "not overwritten") {
		t.Errorf("a second init: %v", err)
	}
	if a, err := Open(env.Real(), dir); err != nil || a.Domains()[0] != "one.test" {
		t.Errorf("opened: %v", err)
	}
}

// An authority in a folder that others share takes nothing from them.
func TestInitInASharedFolder(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.conf")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := map[string]os.FileMode{dir: 0o755, other: 0o644}
	for path, mode := range before {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		before[path] = info.Mode() // Windows has modes of its own
	}
	if err := Init(env.Real(), dir, []string{"one.test"}); err != nil {
		t.Fatal(err)
	}
	a, err := Open(env.Real(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.List(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for path, mode := range before {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v (%v), want the mode %v as before", path, info.Mode(), err, mode)
		}
	}
}
