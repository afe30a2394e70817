package datadir_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"understudy/datadir"
)

// Commands that change a file at once lose nothing of each other: who finds another one
// at work says so.
func TestEditKeepsOthersOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	var group sync.WaitGroup
	var mu sync.Mutex
	var done []string
	for i := range 20 {
		group.Go(func() {
			line := fmt.Sprintf("key%02d\n", i)
			err := datadir.Edit(path, func(text string) (string, error) { return text + line, nil })
			if err != nil && !strings.Contains(err.Error(), "another command changes "+path) {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				done = append(done, line)
			}
		})
	}
	group.Wait()
	text, err := os.ReadFile(path)
	if err != nil || len(done) == 0 || len(text) != len(done)*len(done[0]) {
		t.Errorf("%d were told that it is done, and the file is %q (%v)", len(done), text, err)
	}
	for _, line := range done {
		if !strings.Contains(string(text), line) {
			t.Errorf("%q is lost", line)
		}
	}
}

// What is not changed stays as it is, and keeps nobody out afterwards.
func TestEditThatFailsChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("old\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := datadir.Edit(path, func(string) (string, error) { return "", os.ErrInvalid }); err == nil {
		t.Error("the failure is not told")
	}
	if err := datadir.Edit(path, func(text string) (string, error) { return text + "new\n", nil }); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "old\nnew\n" {
		t.Errorf("got %q, %v", text, err)
	}
}
