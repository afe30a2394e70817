//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"understudy/wire"
)

// witness sees what the desktops see, from their own hosts, so that no fault of the
// network hides it: which user has which desktop. It fails the test when a
// single-session desktop has two users (LHC-25), or a session that its user sat at
// has ended though nobody ended it (RAS-03).
type witness struct {
	cast    *netCast
	clients map[string]*http.Client // by machine

	mu   sync.Mutex                   // guards sits
	sits map[string]wire.LaunchAnswer // an active session of each machine that had one
	said map[string]bool
}

// watch looks until the test ends.
func watch(c *netCast) *witness {
	w := &witness{cast: c, clients: map[string]*http.Client{}, sits: map[string]wire.LaunchAnswer{}, said: map[string]bool{}}
	ctx, stop := context.WithCancel(context.WithoutCancel(c.t.Context()))
	var looking sync.WaitGroup
	for _, d := range c.desktops {
		w.clients[d.name] = &http.Client{Transport: &http.Transport{DialContext: d.host.dial, TLSClientConfig: c.zoneCA.Client(c.ids[frontName])}, Timeout: time.Second}
		looking.Go(func() { w.look(ctx, d.name) })
	}
	c.t.Cleanup(func() { stop(); looking.Wait() })
	return w
}

func (w *witness) look(ctx context.Context, machine string) {
	defer w.clients[machine].CloseIdleConnections()
	ticks := time.NewTicker(2 * poll)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		if sessions, err := w.ask(ctx, machine); err == nil { // a host that is down has nothing to say
			w.judge(machine, sessions)
		}
	}
}

func (w *witness) ask(ctx context.Context, machine string) ([]wire.Session, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+machine+":7485/m/"+machine+"/sim/v1/sessions", nil)
	if err != nil {
		return nil, err
	}
	resp, err := w.clients[machine].Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, errors.New(resp.Status)
	}
	var list wire.List[wire.Session]
	err = json.NewDecoder(resp.Body).Decode(&list)
	return list.Items, err
}

func (w *witness) judge(machine string, sessions []wire.Session) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, fault := range w.faults(machine, sessions) {
		if !w.said[fault] {
			w.cast.t.Error(fault)
		}
		w.said[fault] = true
	}
}

// faults are called with the lock held.
func (w *witness) faults(machine string, sessions []wire.Session) []string {
	var out []string
	if len(sessions) > 1 {
		out = append(out, fmt.Sprintf("%s has %d sessions: %+v (LHC-25)", machine, len(sessions), sessions))
	}
	sat, before := w.sits[machine]
	if before && !slices.ContainsFunc(sessions, func(s wire.Session) bool { return s.ID == sat.Session && s.State == wire.Active }) {
		out = append(out, fmt.Sprintf("session %s of %s is gone, %s has %+v (RAS-03)", sat.Session, machine, machine, sessions))
	}
	for _, s := range sessions {
		if s.State == wire.Active {
			w.sits[machine] = wire.LaunchAnswer{Session: s.ID}
		}
	}
	return out
}

// seated says whether the user of the launch has an active session there.
func (w *witness) seated(l wire.LaunchAnswer, user string) error {
	sessions, err := w.ask(w.cast.t.Context(), string(l.Machine))
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(sessions, func(s wire.Session) bool { return s.ID == l.Session && s.User == user && s.State == wire.Active }) {
		return fmt.Errorf("%s has %+v, want session %s of %s active", l.Machine, sessions, l.Session, user)
	}
	return nil
}

// TestWitness: it sees a second user, and a session that is gone; not one that was
// reserved and then withdrawn.
func TestWitness(t *testing.T) {
	bob := wire.Session{ID: "b", User: "bob", State: wire.Active}
	carol := wire.Session{ID: "c", User: "carol", State: wire.Reserved}
	cases := []struct {
		name       string
		seen, then []wire.Session
		want       int
	}{
		{"the same", []wire.Session{bob}, []wire.Session{bob}, 0},
		{"withdrawn", []wire.Session{carol}, nil, 0},
		{"gone", []wire.Session{bob}, nil, 1},
		{"second user", []wire.Session{bob}, []wire.Session{bob, carol}, 1},
		{"another user", []wire.Session{bob}, []wire.Session{carol}, 1},
	}
	for _, k := range cases {
		w := &witness{sits: map[string]wire.LaunchAnswer{}}
		w.faults("ws001.example.test", k.seen)
		if got := w.faults("ws001.example.test", k.then); len(got) != k.want {
			t.Errorf("%s: got %q, want %d faults", k.name, got, k.want)
		}
	}
}
