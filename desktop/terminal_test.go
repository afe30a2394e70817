package desktop_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/desktop"
	"understudy/wire"
)

// Two users, one of them with two sessions, a user of another domain and one of the host's own.
func hostSessions() *desktop.HostSessions {
	return &desktop.HostSessions{Users: []desktop.HostSession{
		{1, `EXAMPLE\Alice`, true}, {2, `EXAMPLE\bob`, true}, {3, `EXAMPLE\alice`, false}, {4, `OTHER\alice`, true}, {5, `WS001\Administrator`, true},
	}}
}

func terminalOver(h *desktop.HostSessions) *desktop.Terminal {
	return desktop.TerminalOver("ws001.example.test", desktop.CommandOptions{Ignore: []string{`WS001\Administrator`}, Logger: logrus.New()}, h)
}

// Issue 6: "a provider over WTSEnumerateSessions and WTSLogoffSession". It logs off each
// session of the user, nobody else's, and returns when they are gone.
func TestTerminalLogsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hostSessions()
		if err := terminalOver(h).End(t.Context(), wire.Session{User: `example\alice`}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(h.Asked, []uint32{1, 3}) || len(h.Users) != 3 {
			t.Errorf("logged off %v, still there %v; want 1 and 3 gone, each asked once", h.Asked, h.Users)
		}
		if err := terminalOver(h).End(t.Context(), wire.Session{User: `example\nobody`}); err != nil {
			t.Errorf("nobody is there to log off: %v", err)
		}
	})
}

// A program that holds up the logoff holds up nobody for ever.
func TestTerminalGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hostSessions()
		h.Stays = true
		err := terminalOver(h).End(t.Context(), wire.Session{User: `example\bob`})
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "bob is still logged on") {
			t.Errorf("got %v, want that bob is still logged on", err)
		}
	})
}

// Who is not connected need not be disconnected.
func TestTerminalDisconnects(t *testing.T) {
	h := hostSessions()
	if err := terminalOver(h).Disconnect(t.Context(), wire.Session{User: `example\alice`}); err != nil || !slices.Equal(h.Asked, []uint32{1}) {
		t.Errorf("disconnected %v (%v), want 1", h.Asked, err)
	}
}

// The boot comes first, then all sessions but those that are to be left alone.
func TestTerminalTellsWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var told []desktop.Event
		err := terminalOver(hostSessions()).Watch(ctx, func(e desktop.Event) error { told = append(told, e); return nil })
		if err != nil || len(told) != 3 || told[0].Boot != "boot" {
			t.Fatalf("told %v (%v), want the boot and two lists", told, err)
		}
		want := []desktop.Presence{{`EXAMPLE\Alice`, true}, {`EXAMPLE\bob`, true}, {`EXAMPLE\alice`, false}, {`OTHER\alice`, true}}
		if !slices.Equal(told[1].Seen, want) {
			t.Errorf("seen %v, want %v", told[1].Seen, want)
		}
	})
}

// LHC-34: a reset is a restart of Windows, or what the file names.
func TestTerminalResets(t *testing.T) {
	h := hostSessions()
	if err := terminalOver(h).Reset(t.Context()); err != nil || h.Restarts != 1 {
		t.Errorf("%d restarts (%v), want 1", h.Restarts, err)
	}
	h.Fail = errors.New("no privilege")
	if err := terminalOver(h).Reset(t.Context()); err == nil || !strings.Contains(err.Error(), "no privilege") {
		t.Errorf("got %v, want why", err)
	}
}

// What cannot be listed is not taken for gone.
func TestTerminalThatCannotBeListed(t *testing.T) {
	h := hostSessions()
	h.Fail = errors.New("access denied")
	if err := terminalOver(h).End(t.Context(), wire.Session{User: `example\bob`}); err == nil || len(h.Asked) > 0 {
		t.Errorf("got %v and %v, want an error and nobody logged off", err, h.Asked)
	}
}
