//go:build unix

package desktop_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/desktop"
	"understudy/wire"
)

// script is a program that the provider runs.
func script(t *testing.T, text string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return []string{"sh", name}
}

var errEnough = errors.New("enough")

// firstSeen is what a provider tells first of the sessions.
func firstSeen(t *testing.T, o desktop.CommandOptions) ([]desktop.Event, string) {
	t.Helper()
	var said strings.Builder
	logger := logrus.New()
	logger.SetOutput(&said)
	o.Logger, o.Every = logger, time.Millisecond
	o.BootFile = filepath.Join(t.TempDir(), "boot")
	if err := os.WriteFile(o.BootFile, []byte("boot-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var events []desktop.Event
	logger.AddHook(stopper{stop})
	err := desktop.NewCommand("ws1.example.test", o).Watch(ctx, func(e desktop.Event) error {
		events = append(events, e)
		if len(events) == 2 {
			stop()
			return errEnough
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events, said.String()
}

// stopper ends a test with the first line that is logged.
type stopper struct{ stop func() }

func (stopper) Levels() []logrus.Level       { return []logrus.Level{logrus.ErrorLevel} }
func (s stopper) Fire(_ *logrus.Entry) error { s.stop(); return nil }

// LHC-31: the host's boot and the sessions that are there come first.
func TestCommandLists(t *testing.T) {
	events, _ := firstSeen(t, desktop.CommandOptions{
		List:   script(t, "echo active alice; echo; echo 'disconnected  EXAMPLE\\domain user'; echo active ROOT"),
		Ignore: []string{"root"},
	})
	want := []desktop.Presence{{User: "alice", Connected: true}, {User: `EXAMPLE\domain user`}}
	if len(events) != 2 || events[0].Boot != "boot-1" || !slices.Equal(events[1].Seen, want) {
		t.Errorf("got %+v", events)
	}
	if events, _ := firstSeen(t, desktop.CommandOptions{List: script(t, "true")}); len(events) != 2 || events[1].Seen == nil || len(events[1].Seen) > 0 {
		t.Errorf("of an empty host: got %+v, want a list without sessions", events)
	}
}

// A command that fails says what it said; nothing is concluded from it, for a list that
// is not whole would end sessions.
func TestCommandFails(t *testing.T) {
	for name, c := range map[string]struct {
		list []string
		want string
	}{
		"status":       {script(t, "echo active alice; echo no such display >&2; exit 3"), "exit status 3: no such display"},
		"line":         {script(t, "echo alice"), `line \"alice\" is not active USER or disconnected USER`},
		"no such file": {[]string{"/no/such/program"}, "/no/such/program"},
		"no end":       {script(t, "sleep 60"), "did not end within 100ms"},
		"too much":     {script(t, "head -c 1100000 /dev/zero"), "wrote more than 1048576 bytes"},
		"none":         {nil, "provider.list names no command"},
	} {
		t.Run(name, func(t *testing.T) {
			o := desktop.CommandOptions{List: c.list, Timeout: 20 * time.Second}
			if name == "no end" {
				o.Timeout = 100 * time.Millisecond
			}
			events, said := firstSeen(t, o)
			if len(events) != 1 || !strings.Contains(said, c.want) {
				t.Errorf("told %+v and said %.300s, want %q", events, said, c.want)
			}
		})
	}
}

// Issue 5, 1: disconnect. Who is connected is sent away, by the name that the host has;
// of others there is nothing to do, and a host without the command says so.
func TestCommandDisconnects(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	o := desktop.CommandOptions{
		List:       script(t, "echo active alice; echo disconnected bob"),
		Disconnect: script(t, `echo "$UNDERSTUDY_USER|$UNDERSTUDY_SESSION" >>`+out),
	}
	for _, user := range []string{"bob", "carol", `EXAMPLE\Alice`} {
		if err := desktop.NewCommand("ws1.example.test", o).Disconnect(t.Context(), wire.Session{ID: "of " + user, User: user}); err != nil {
			t.Error(err)
		}
	}
	if got, _ := os.ReadFile(out); string(got) != "alice|of EXAMPLE\\Alice\n" {
		t.Errorf("the command was told %q", got)
	}
	o.Disconnect = script(t, "echo no such display >&2; exit 1")
	if err := desktop.NewCommand("ws1.example.test", o).Disconnect(t.Context(), wire.Session{User: "alice"}); err == nil || !strings.Contains(err.Error(), "no such display") {
		t.Errorf("a command that fails: %v", err)
	}
	o.Disconnect = nil
	if err := desktop.NewCommand("ws1.example.test", o).Disconnect(t.Context(), wire.Session{User: "alice"}); !wire.IsCode(err, wire.CodeConflict) {
		t.Errorf("without a command: %v, want %s", err, wire.CodeConflict)
	}
}

// Commands learn from their environment what they are about, under the name that the
// host has, so that nothing of it is part of a program.
func TestCommandEndsAndPrepares(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	say := script(t, `echo "$UNDERSTUDY_USER|$UNDERSTUDY_SESSION|$UNDERSTUDY_RESOURCE|$UNDERSTUDY_COMMAND" >>`+out)
	p := desktop.NewCommand("ws1.example.test", desktop.CommandOptions{
		List: script(t, "echo active alice"), End: say, Prepare: say, Address: "10.0.0.7",
	})
	alice := wire.Session{ID: "s1", User: `EXAMPLE\Alice; rm -rf "$HOME"`, Resource: "app:mail"}
	at, err := p.Prepare(t.Context(), desktop.Seat{Session: alice, Command: "mail -x"})
	if err != nil || at != (wire.Prepared{Address: "10.0.0.7", Port: 3389, Protocol: "rdp"}) {
		t.Errorf("prepared %+v, %v", at, err)
	}
	for _, user := range []string{`EXAMPLE\Alice`, "bob"} {
		if err := p.End(t.Context(), wire.Session{ID: "s1", User: user}); err != nil {
			t.Error(err)
		}
	}
	got, _ := os.ReadFile(out)
	if want := alice.User + "|s1|app:mail|mail -x\nalice|s1||\n"; string(got) != want {
		t.Errorf("the commands were told\n%swant\n%s", got, want)
	}
	if err := p.Reset(t.Context()); err == nil || !strings.Contains(err.Error(), "provider.reset") {
		t.Errorf("reset without a command: %v", err)
	}
	if at, err := desktop.NewCommand("ws1.example.test", desktop.CommandOptions{}).Prepare(t.Context(), desktop.Seat{}); err != nil || at.Address != "ws1.example.test" {
		t.Errorf("with defaults: %+v, %v", at, err)
	}
}

// A command that hangs leaves nothing behind: it is run again every two seconds.
func TestHangingCommandEndsAsAWhole(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	o := desktop.CommandOptions{Reset: script(t, "sleep 600 >"+pipe+" &\nwait"), Timeout: 500 * time.Millisecond}
	ended := make(chan error, 1)
	go func() { ended <- desktop.NewCommand("ws1.example.test", o).Reset(t.Context()) }()
	in, err := os.Open(pipe)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "did not end within") {
		t.Errorf("got %v", err)
	}
	if err := in.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); err != nil {
		t.Errorf("what it has started goes on: %v", err)
	}
}
