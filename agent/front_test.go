package agent

import (
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
)

const window = 72 * time.Hour

func idleFacts(d time.Duration) wire.Facts {
	return wire.Facts{FrontIdle: new(site.Duration(d))}
}

// askedAt has a connector asked so long after simNow.
func askedAt(f *front, after time.Duration) {
	f.touch()
	f.idle(simNow.Add(after))
}

// LHC-06: a connector with no StoreFront activity within the window does not
// trigger HA; the gate is shared over the zone, configurable, and says why.
func TestGate(t *testing.T) {
	none := func(*front) {}
	for _, c := range []struct {
		name   string
		mode   site.Participation
		asked  func(*front)
		open   bool
		reason string
	}{
		{"always, never asked", site.Always, none, true, "takes part always"},
		{"never asked", site.StoreFrontTraffic, none, false, "no StoreFront has asked any connector"},
		{"asked now", site.StoreFrontTraffic, func(f *front) { f.touch() }, true, "within the window"},
		{"asked exactly a window ago", site.StoreFrontTraffic, func(f *front) { askedAt(f, -window) }, true, "within the window"},
		{"asked longer ago", site.StoreFrontTraffic, func(f *front) { askedAt(f, -window-time.Second) }, false, "72h0m1s ago, longer than the window"},
		{"a peer was asked", site.StoreFrontTraffic, func(f *front) {
			f.learn(simNow, []peerWord{{heard: true, facts: idleFacts(time.Hour)}})
		}, true, "within the window"},
		{"a peer was asked long ago, this one lately", site.StoreFrontTraffic, func(f *front) {
			askedAt(f, -time.Hour)
			f.learn(simNow, []peerWord{{heard: true, facts: idleFacts(2 * window)}})
		}, true, "within the window"},
		{"a peer that is not heard", site.StoreFrontTraffic, func(f *front) {
			f.learn(simNow, []peerWord{{facts: idleFacts(0)}})
		}, false, "no StoreFront"},
		{"a peer that was never asked", site.StoreFrontTraffic, func(f *front) {
			f.learn(simNow, []peerWord{{heard: true}})
		}, false, "no StoreFront"},
		{"an older word of another peer does not undo a newer", site.StoreFrontTraffic, func(f *front) {
			f.learn(simNow, []peerWord{{heard: true, facts: idleFacts(0)}, {heard: true, facts: idleFacts(2 * window)}})
		}, true, "within the window"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFront(simNow, 0, false)
			c.asked(f)
			g := f.gate(simNow, site.Settings{Participation: c.mode, ParticipationWindow: site.Duration(window)})
			if g.Open != c.open || !strings.Contains(g.Reason, c.reason) || g.Mode != c.mode || g.Window.D() != window {
				t.Errorf("got %+v, want open %t because %q", g, c.open, c.reason)
			}
		})
	}
}

// LHC-06: the window goes on over a restart, and what peers were asked is not
// passed on as one's own.
func TestFrontIdle(t *testing.T) {
	f := newFront(simNow, time.Hour, true)
	f.learn(simNow, []peerWord{{heard: true, facts: idleFacts(0)}})
	if got, asked := f.idle(simNow.Add(time.Minute)); got != time.Hour+time.Minute || !asked {
		t.Errorf("after a restart: got %s, %t, want 1h1m", got, asked)
	}
	if got, asked := newFront(simNow, 0, false).idle(simNow); asked {
		t.Errorf("never asked: got %s", got)
	}
	f.touch()
	f.idle(simNow)
	if got, _ := f.idle(simNow.Add(time.Second)); got != time.Second {
		t.Errorf("after a request: got %s, want 1s", got)
	}
}

// A wall clock that was set back since the last run does not hold the gate open for
// longer than the window.
func TestGateAfterAClockWasSetBack(t *testing.T) {
	f := newFront(simNow, -24*time.Hour, true)
	settings := site.Settings{Participation: site.StoreFrontTraffic, ParticipationWindow: site.Duration(window)}
	if g := f.gate(simNow.Add(window+time.Second), settings); g.Open {
		t.Errorf("got %+v, want a closed gate", g)
	}
}

// Issue 4: "≤ 0.6 % of a core" when idle: peers are told a new idle time seldom, and
// never one that is longer than it is, or much shorter than what counts (LHC-06).
func TestToldIdle(t *testing.T) {
	for _, c := range []struct{ window, idle, want time.Duration }{
		{window, 0, 0},
		{window, 9 * time.Second, 0},
		{window, time.Hour + 19*time.Second, time.Hour + 10*time.Second},
		{10 * time.Minute, 17 * time.Second, 12 * time.Second},
		{time.Minute, 17*time.Second + 999*time.Millisecond, 17 * time.Second},
	} {
		if got := toldIdle(c.idle, site.Settings{ParticipationWindow: site.Duration(c.window)}).D(); got != c.want {
			t.Errorf("idle for %s of %s: told %s, want %s", c.idle, c.window, got, c.want)
		}
	}
}
