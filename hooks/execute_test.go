//go:build unix

package hooks_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"understudy/env"
	"understudy/hooks"
)

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hook")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// REP-03, with a real program: it finds zone, connector, term and reason in its
// environment, and its output and exit code come back.
func TestRealCommand(t *testing.T) {
	results := make(chan hooks.Result, 2)
	c := hooks.NewCommands(hooks.CommandOptions{
		Env: env.Real(), Site: "example", Zone: "berlin", Connector: "cc01.example.test", Tell: func(r hooks.Result) { results <- r },
		OnElected: []string{script(t, `echo "$1 $UNDERSTUDY_HOOK $UNDERSTUDY_SITE $UNDERSTUDY_ZONE $UNDERSTUDY_CONNECTOR $UNDERSTUDY_TERM: $UNDERSTUDY_REASON"`), "a b"},
		OnDeposed: []string{script(t, "echo sorry >&2; exit 3")},
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	c.Follow(hooks.Office{Elected: true, Term: 7, Reason: "it is the first"})
	if got, want := <-results, "a b on_elected example berlin cc01.example.test 7: it is the first"; got.Err != nil || got.Output != want {
		t.Errorf("got %q, %v, want %q", got.Output, got.Err, want)
	}
	stop()
	<-done
	if got := <-results; got.Hook != hooks.OnDeposed || got.Err == nil || got.Err.Error() != "exit status 3" || got.Output != "sorry" {
		t.Errorf("got %+v", got)
	}
}

// At its limit a command goes with all that it has started.
func TestGroupIsKilled(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := hooks.Execute(ctx, []string{script(t, `trap "" TERM; sleep 600 & echo $! $$ > "$1.new"; mv "$1.new" "$1"; wait`), pids}, nil)
		ended <- err
	}()
	var text []byte
	eventually(t, "the command runs", func() error {
		var err error
		text, err = os.ReadFile(pids)
		return err
	})
	cancel()
	if err := <-ended; err == nil {
		t.Error("got no error from a command that was killed")
	}
	for pid := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, pid+" is gone", func() error { return alive(n) })
	}
}

// alive returns an error while the process is there; a zombie is gone.
func alive(pid int) error {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil && strings.Contains(string(stat), ") Z ") {
		return nil
	}
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return nil
	}
	return errors.New("it runs")
}

// A command that leaves something running has ended when it has, and only the end of
// what it prints is kept.
func TestCommandThatLeavesSomething(t *testing.T) {
	out, err := hooks.Execute(t.Context(), []string{script(t, `sleep 2 & head -c 100000 /dev/zero | tr '\0' x; echo end`)}, nil)
	if err != nil || !strings.HasSuffix(out, "xend") || !strings.HasPrefix(out, "…x") || len(out) > 3000 {
		t.Errorf("got %d bytes, %v", len(out), err)
	}
	if _, err := hooks.Execute(t.Context(), []string{"/nowhere/at/all"}, nil); err == nil {
		t.Error("got no error from a program that is not there")
	}
}

func eventually(t *testing.T, what string, condition func() error) {
	t.Helper()
	over := time.After(20 * time.Second)
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-over:
			t.Fatalf("still not: %s: %v", what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
