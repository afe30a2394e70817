//go:build linux

package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const soon = 20 * time.Second

func TestProcessStopsInAnOrderlyWay(t *testing.T) {
	p := start(t, actor(t, "orderly", "orderly"))
	p.Says(soon, "started")
	if code := p.Stop(soon); code != 7 {
		t.Errorf("got exit code %d, want 7", code)
	}
	if !strings.Contains(p.Log(), "stopped") {
		t.Errorf("got log %q, want its last word in it", p.Log())
	}
	if p.Running() {
		t.Error("the process is still said to run")
	}
}

func TestProcessKill(t *testing.T) {
	p := start(t, actor(t, "deaf", "deaf"))
	p.Says(soon, "started")
	p.Kill()
	if code := p.Wait(soon); code != -1 {
		t.Errorf("got exit code %d, want -1", code)
	}
}

func TestProcessWaitFailsAtItsDeadline(t *testing.T) {
	p := start(t, actor(t, "deaf", "deaf"))
	p.Says(soon, "started")
	if !fails(t, func(t testing.TB) { t.Helper(); p.in(t).Stop(2 * poll) }) {
		t.Error("a process that does not end did not fail the test")
	}
}

// TestProcessPause: a stopped process runs no handler until it is resumed.
func TestProcessPause(t *testing.T) {
	p := start(t, actor(t, "orderly", "orderly"))
	p.Says(soon, "started")
	p.Pause()
	eventually(t, soon, "held", func() error {
		if !strings.Contains(procState(t, p), "T") {
			return errors.New("state " + procState(t, p))
		}
		return nil
	})
	p.Resume()
	if code := p.Stop(soon); code != 7 {
		t.Errorf("got exit code %d, want 7", code)
	}
}

func TestProcessOfTheSameNameAppends(t *testing.T) {
	for range 2 {
		p := start(t, actor(t, "orderly", "orderly"))
		p.Says(soon, "started")
		p.Stop(soon)
	}
	text, err := os.ReadFile(filepath.Join(t.ArtifactDir(), "orderly.log"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(text), "started"); got != 2 {
		t.Errorf("got %d starts in the log, want 2", got)
	}
}

func TestExecute(t *testing.T) {
	got := execute(t, actor(t, "unknown", "nobody"))
	if got.Code != 2 || !strings.Contains(got.Stderr, "no such role") {
		t.Errorf("got %+v, want code 2 and the reason", got)
	}
}

// in returns the same process, reporting to another test.
func (p *process) in(t testing.TB) *process {
	t.Helper()
	other := *p
	other.t = t
	return &other
}

// procState returns the state letter of a process.
func procState(t testing.TB, p *process) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.cmd.Process.Pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	after := string(text[strings.LastIndexByte(string(text), ')')+1:])
	return strings.Fields(after)[0]
}
