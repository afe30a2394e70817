package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// judged is an agent of zone berlin that can serve.
func judged(t testing.TB) *Agent {
	t.Helper()
	a := withSnapshot(t, true)
	a.learnSite(t)
	a.o.FQDN, a.o.SyncInterval = "c0.example.test", time.Minute
	a.disk = &disk{log: muted(Options{}).log}
	a.core = newCore(a.o.FQDN, zone.Record{}, 0, simNow)
	a.listening.Store(true)
	a.list.Store(&wire.ConnectorList{Connectors: []site.Connector{{FQDN: "c0.example.test"}, {FQDN: "c1.example.test"}}})
	return a
}

// Design 4, LHC-50: whether a connector can serve is what it says of itself, with
// the reason.
func TestWhoCanServe(t *testing.T) {
	own := site.Version{History: "h", Number: 1}
	newer := site.Version{History: "h", Number: 2}
	inHA := func(a *Agent) { a.core = inState(t, a.core, zone.ExtendedHA) }
	behind := func(d time.Duration) func(*Agent) {
		return func(a *Agent) { a.behindSince = simNow.Add(-d) }
	}
	for _, c := range []struct {
		name   string
		change func(*Agent)
		usable bool
		newest site.Version
		why    string
	}{
		{"everything is there", func(*Agent) {}, true, own, ""},
		{"no snapshot", func(*Agent) {}, false, own, "there is no usable snapshot"},
		{"no snapshot, and no list either", func(a *Agent) { a.list.Store(&wire.ConnectorList{}) }, false, own, "there is no usable snapshot"},
		{"LHC-20: not in the zone's list", func(a *Agent) {
			a.list.Store(&wire.ConnectorList{Connectors: []site.Connector{{FQDN: "c1.example.test"}}})
		}, true, own, "does not name this one"},
		{"its disk fails", func(a *Agent) { a.disk.since, a.disk.err = simNow.Add(-3*time.Second), errors.New("full") }, true, own, "cannot be written"},
		{"its disk fails for less than 3 s", func(a *Agent) { a.disk.since, a.disk.err = simNow.Add(-3*time.Second+1), errors.New("full") }, true, own, ""},
		{"nobody can reach it", func(a *Agent) { a.listening.Store(false) }, true, own, "client listener"},
		{"behind for less than two sync intervals", behind(2*time.Minute - 1), true, newer, ""},
		{"behind for two sync intervals", behind(2 * time.Minute), true, newer, "it uses snapshot h-1, the zone has h-2"},
		{"behind in HA mode", func(a *Agent) { inHA(a); behind(0)(a) }, true, newer, "it uses snapshot h-1, the zone has h-2"},
		{"in HA mode, and nobody has a newer one", inHA, true, own, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := judged(t)
			c.change(a)
			why := a.whyNot(simNow, c.usable, c.newest, own)
			if c.why == "" && why != "" || !strings.Contains(why, c.why) {
				t.Errorf("got %q, want %q", why, c.why)
			}
		})
	}
}

func inState(t testing.TB, c *core, s zone.State) *core {
	t.Helper()
	out := newCore(c.self, zone.Record{Number: 1, Writer: c.self, Mode: s, Outage: "x"}, 1, simNow)
	if _, err := out.commit(t.Context(), simNow, change{start: &s}); err != nil {
		t.Fatal(err)
	}
	return out
}

// LHC-50, issue 2 item 7: "what would be missing in an outage, by name".
func TestMissing(t *testing.T) {
	fine := wire.PeerStatus{FQDN: "c0.example.test", Self: true, Heard: true, CanServe: true}
	other := wire.PeerStatus{FQDN: "c1.example.test", Heard: true, CanServe: true}
	open := wire.Status{Gate: wire.GateStatus{Open: true}, Sync: wire.SyncStatus{Outcome: "unchanged"}}
	const pool = "desktops of pool would each serve one user only"
	for _, c := range []struct {
		name   string
		status func(*wire.Status)
		peers  []wire.PeerStatus
		want   []string
	}{
		{"ready", func(*wire.Status) {}, []wire.PeerStatus{fine, other}, []string{pool}},
		{
			"one cannot serve", func(*wire.Status) {},
			[]wire.PeerStatus{fine, {FQDN: "c1.example.test", Heard: true, WhyNot: "its disk is full"}},
			[]string{"c1.example.test could not take over: its disk is full", "only one connector could serve", pool},
		},
		{
			"one is not there", func(*wire.Status) {},
			[]wire.PeerStatus{fine, other, {FQDN: "c2.example.test", Link: "stopped"}},
			[]string{"c2.example.test could not take over: it is not heard (stopped)", pool},
		},
		{
			"the gate is closed", func(s *wire.Status) { s.Gate = wire.GateStatus{Reason: "no StoreFront has asked"} },
			[]wire.PeerStatus{fine, other},
			[]string{"would not enter HA mode by itself: no StoreFront has asked", pool},
		},
		{
			"the sync failed", func(s *wire.Status) { s.Sync = wire.SyncStatus{Outcome: "failed", Detail: "500"} },
			[]wire.PeerStatus{fine, other},
			[]string{"changes since the last good sync: 500", pool},
		},
		{
			"a version is held back", func(s *wire.Status) {
				s.Held = []wire.HeldVersion{{Version: site.Version{History: "h", Number: 3}, Reason: "it has 1 of 9 machines"}}
			},
			[]wire.PeerStatus{fine, other},
			[]string{"version h-3 of the site is held back: it has 1 of 9 machines", pool},
		},
		{
			"objects are quarantined", func(s *wire.Status) { s.Snapshot = &wire.SnapshotStatus{Quarantined: 2} },
			[]wire.PeerStatus{fine, other},
			[]string{"2 objects of the site are not used", pool},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open
			c.status(&s)
			a := judged(t)
			s.MissingOf = a.missingGroups()
			got := a.missing(s, c.peers)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.Contains(got[i], c.want[i]) {
					t.Errorf("got %q, want %q in it", got[i], c.want[i])
				}
			}
		})
	}
}

// Issue 2 item 7: a connector that does not serve says who does, instead of an
// empty list alone.
func TestListsOfOneThatDoesNotServe(t *testing.T) {
	for _, c := range []struct {
		stance stance
		note   string
	}{
		{stance{state: zone.Normal}, "the cloud broker has them"},
		{stance{state: zone.ExtendedHA, elected: "c1.example.test"}, "c1.example.test serves; ask it"},
	} {
		a := &Agent{}
		a.stance.Store(&c.stance)
		registrations, sessions := a.Registrations(), a.Sessions()
		if !strings.Contains(registrations.Note, c.note) || !strings.Contains(sessions.Note, c.note) || registrations.Items == nil || sessions.Items == nil {
			t.Errorf("%s: got %+v and %+v, want empty lists with %q", c.stance.state, registrations, sessions, c.note)
		}
	}
}

// Design 4: the site's settings hold, and where a connector's file says something
// else the difference is shown, by its key.
func TestSettingsThatDiffer(t *testing.T) {
	inForce := site.Settings{}.WithDefaults()
	for _, c := range []struct {
		name string
		file site.Settings
		want string
	}{
		{"nothing said", site.Settings{}, "[]"},
		{"the same said", inForce, "[]"},
		{"one", site.Settings{Detection: inForce.Detection + 1}, "[outage.detection]"},
		{
			"several",
			site.Settings{Deadline: inForce.Deadline + 1, Participation: site.Always, VDAInterval: inForce.VDAInterval},
			"[outage.participation election.deadline]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := &Agent{o: Options{Settings: c.file}}
			if got := fmt.Sprint(a.differing(inForce)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
