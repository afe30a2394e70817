package broker_test

import (
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
)

func pooledSite(siteFlag, groupFlag bool) *site.Site {
	s := company()
	s.ReuseInOutage, s.Groups[0].ReuseInOutage = siteFlag, groupFlag
	return s
}

// LHC-34: "Pooled single-session desktops: power actions are not available, so
// after logoff the machine goes to maintenance mode. Site flag and
// delivery-group flag together override (reused tainted)."
func TestUsedDesktopInAnOutage(t *testing.T) {
	for _, c := range []struct {
		name        string
		site, group bool
		reused      bool
	}{
		{"no flag", false, false, false},
		{"site flag alone", true, false, false},
		{"group flag alone", false, true, false},
		{"site and group flag", true, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := inOutage(pooledSite(c.site, c.group))
			b.register(t, "p1")
			held, _ := b.launch(t, staff("bob", "desktop:pool", "s1"))
			if held.Reuse != c.reused {
				t.Errorf("reuse %v, want %v", held.Reuse, c.reused)
			}
			records, _ := b.report(t, held, broker.SessionStarted)
			wantKinds(t, records, broker.UsedMark)
			wantUser(t, records[0], "bob", "s1")
			records, resets := b.report(t, held, broker.SessionEnded)
			wantKinds(t, records, broker.LoggedOff)
			if len(resets)+len(b.Resets(b.now)) > 0 {
				t.Error("a reset was asked for in an outage")
			}
			if got := b.Registrations(b.now)[0].Maintenance; got == c.reused {
				t.Errorf("maintenance %v", got)
			}
			if _, err := b.Reserve(b.now, staff("alice", "desktop:pool", "s2")); (err == nil) != c.reused {
				t.Errorf("the next launch: %v", err)
			}
		})
	}
}

// LHC-34: the rule is for pooled desktops only.
func TestOtherMachinesAreNeverUsed(t *testing.T) {
	for _, resource := range []string{"desktop:owned", "desktop:office"} {
		b := inOutage(company())
		b.register(t, "own2", "ts1")
		held, _ := b.launch(t, staff("bob", resource, "s1"))
		b.report(t, held, broker.SessionStarted)
		b.report(t, held, broker.SessionEnded)
		if again, _ := b.launch(t, staff("bob", resource, "s2")); again.Machine != held.Machine || !again.Reuse {
			t.Errorf("%s: got %s, reuse %v", resource, again.Machine, again.Reuse)
		}
	}
}

// A record of a used desktop names its user, however the broker learns of them.
func TestWhoUsedTheDesktop(t *testing.T) {
	b := inOutage(company())
	r := b.registration("p1")
	r.Used, r.Sessions = true, []broker.Session{{ID: "s1", User: "bob", State: broker.Disconnected}}
	_, records := b.announce(t, r)
	wantKinds(t, records, broker.Registered, broker.UsedMark)
	wantUser(t, records[1], "bob", "s1")

	b.register(t, "p2")
	held, _ := b.launch(t, staff("alice", "desktop:pool", "s2"))
	records, _ = b.report(t, held, broker.SessionEnded) // its start was never reported
	wantKinds(t, records, broker.LoggedOff, broker.UsedMark)
	wantUser(t, records[1], "alice", "s2")
}

func wantUser(t testing.TB, r broker.Record, user, session string) {
	t.Helper()
	if r.User != user || r.Session != session {
		t.Errorf("%s names user %q, session %q; want %q, %q", r.Kind, r.User, r.Session, user, session)
	}
}

// LHC-34: what was used before the outage, or under an earlier server, stays used
// until the machine says that it was reset.
func TestUsedMarkSurvivesTheServer(t *testing.T) {
	b := inOutage(company())
	b.Apply([]broker.Record{
		{Kind: broker.UsedMark, Machine: "p1", Used: true},
		{Kind: broker.UsedMark, Machine: "p2", Used: true},
		{Kind: broker.UsedMark, Machine: "p2"},
	})
	for _, name := range []string{"p1", "p2"} {
		r := b.registration(name)
		r.Used = name == "p1"
		b.announce(t, r)
	}
	b.launch(t, staff("bob", "desktop:pool", "s1")) // p2, which was reset
	b.wantNoMachine(t, staff("alice", "desktop:pool", "s2"))
	_, records, err := b.Heartbeat(b.now, "lease-p1", broker.Heartbeat{Used: false})
	if err != nil {
		t.Fatal(err)
	}
	wantKinds(t, records, broker.UsedMark)
	wantUser(t, records[0], "", "")
	if held, _ := b.launch(t, staff("alice", "desktop:pool", "s2")); held.Machine != "p1" {
		t.Errorf("got %s, want p1 after its reset", held.Machine)
	}
}

// In Normal the logoff from a pooled desktop asks for a reset, again until done.
func TestResetInNormal(t *testing.T) {
	b := newBench(broker.Options{Broker: "cloud"}, pooledSite(true, true))
	b.register(t, "p1")
	held, _ := b.launch(t, staff("bob", "desktop:pool", "s1"))
	if held.Reuse {
		t.Error("reuse is for outages only")
	}
	b.report(t, held, broker.SessionStarted)
	if _, resets := b.report(t, held, broker.SessionEnded); len(resets) != 1 || resets[0].Machine != "p1" || resets[0].Callback != "http://p1" {
		t.Fatalf("resets %+v, want one of p1", resets)
	}
	b.wantNoMachine(t, staff("alice", "desktop:pool", "s2"))
	if got := b.Resets(b.now.Add(5*time.Minute - 1)); len(got) != 0 {
		t.Errorf("asked again too early: %+v", got)
	}
	if got := b.Resets(b.now.Add(5 * time.Minute)); len(got) != 1 {
		t.Errorf("not asked again after an interval: %+v", got)
	}
	b.register(t, "p1") // it boots, unused
	if got := b.Resets(b.now.Add(9 * time.Minute)); len(got) != 0 {
		t.Errorf("a clean machine is to be reset: %+v", got)
	}
	b.launch(t, staff("alice", "desktop:pool", "s2"))
}

func TestMachineThatComesBackUsedIsReset(t *testing.T) {
	b := newBench(broker.Options{}, company())
	r := b.registration("p1")
	r.Used = true
	b.announce(t, r)
	if got := b.Resets(b.now); len(got) != 1 {
		t.Errorf("resets %+v, want one", got)
	}
}

func TestRepeatedReportChangesNothing(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1")
	held, _ := b.launch(t, staff("bob", "desktop:pool", "s1"))
	b.report(t, held, broker.SessionStarted)
	b.report(t, held, broker.SessionEnded)
	b.seq--
	records, _ := b.report(t, held, broker.SessionEnded)
	wantKinds(t, records, broker.LoggedOff) // again, as the disk may have failed
	b.seq = 0
	if records, _ := b.report(t, held, broker.SessionStarted); len(records) != 0 || len(b.Sessions()) != 0 {
		t.Error("an old report brought the session back")
	}
}

// A late heartbeat does not make a desktop unused under its user.
func TestLateHeartbeatDoesNotClearTheMark(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1")
	held, _ := b.launch(t, staff("bob", "desktop:pool", "s1"))
	b.report(t, held, broker.SessionStarted)
	_, records, err := b.Heartbeat(b.now, held.Lease, broker.Heartbeat{Used: false})
	if err != nil {
		t.Fatal(err)
	}
	wantKinds(t, records)
	b.report(t, held, broker.SessionEnded)
	b.wantNoMachine(t, staff("alice", "desktop:pool", "s2"))
}

func TestReservationLifeEnds(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1")
	held, _ := b.launch(t, staff("bob", "desktop:pool", "s1"))
	b.now = start.Add(held.Life - 1)
	b.wantNoMachine(t, staff("alice", "desktop:pool", "s2"))
	b.now = start.Add(held.Life)
	b.launch(t, staff("alice", "desktop:pool", "s2"))
	wantKinds(t, b.Expire(b.now), broker.Withdrawn)
}

// A heartbeat that crossed a prepare does not end the reservation; one that lists
// other sessions replaces those.
func TestHeartbeatReplacesSessions(t *testing.T) {
	b := inOutage(company())
	b.register(t, "ts1")
	b.launch(t, staff("bob", "desktop:office", "reserved"))
	beat := func(ids ...string) {
		list := []broker.Session{}
		for _, id := range ids {
			list = append(list, broker.Session{ID: id, User: id, State: broker.Active})
		}
		if _, _, err := b.Heartbeat(b.now, "lease-ts1", broker.Heartbeat{Sessions: &list}); err != nil {
			t.Fatal(err)
		}
	}
	beat("u1", "u2")
	if got := len(b.Sessions()); got != 3 {
		t.Errorf("%d sessions, want both and the reservation", got)
	}
	beat("u2")
	if got := len(b.Sessions()); got != 2 {
		t.Errorf("%d sessions, want one and the reservation", got)
	}
	b.register(t, "ts1")
	if got := len(b.Sessions()); got != 0 {
		t.Errorf("%d sessions after a registration without any", got)
	}
}

// A launch that is under way when the machine registers anew keeps its place.
func TestRegistrationLeavesPendingLaunch(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1")
	held, err := b.Reserve(b.now, staff("bob", "desktop:pool", "s1"))
	if err != nil {
		t.Fatal(err)
	}
	b.register(t, "p1")
	b.wantNoMachine(t, staff("alice", "desktop:pool", "s2"))
	wantKinds(t, b.Commit(b.now, held), broker.Launched)
	b.wantNoMachine(t, staff("alice", "desktop:pool", "s3"))
}
