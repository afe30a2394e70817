package desktop_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/desktop"
	"understudy/site"
	"understudy/wire"
)

func epoch() time.Time { return time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC) }

func held(id, user string, state wire.SessionState) desktop.Held {
	return desktop.Held{Session: wire.Session{ID: id, User: user, Resource: "desktop:Pool", State: state, Started: epoch()}, Life: site.Duration(time.Minute)}
}

// code returns the code of a refusal; "" for none.
func code(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok {
		t.Fatalf("got error %v, want a problem", err)
	}
	return fmt.Sprintf("%d %s", p.Status, p.Code)
}

// The world of the exhaustive test: everything that a decision may depend on.
type situation struct {
	lease    string // of the request; the host's is L
	held     []desktop.Held
	term     uint64 // of the request; the host's is 5
	assigned string // alice asks
	capacity int
	used     bool
	reuse    bool
	assign   bool
}

// refusals are all rules of design 6 that the request breaks, each with its answer.
func (s situation) refusals() []string {
	var list []string
	add := func(broken bool, answer string) {
		if broken {
			list = append(list, answer)
		}
	}
	own := slices.ContainsFunc(s.held, func(h desktop.Held) bool { return strings.EqualFold(h.User, "alice") })
	others := len(s.held) > 0 && !own
	add(s.lease != "L", "403 lease_stale")
	add(s.term < 5, "403 lease_stale")
	add(s.assigned != "" && !strings.EqualFold(s.assigned, "alice"), "409 assigned")
	add(others && s.capacity == 1, "409 busy")
	add(others && s.held[0].ID == "new", "409 busy")
	add(!own && s.used && !s.reuse, "409 used")
	return list
}

func situations() []situation {
	var list []situation
	occupancies := [][]desktop.Held{
		nil,
		{held("new", "ALICE", wire.Reserved)},
		{held("old", "alice", wire.Reserved)},
		{held("old", "alice", wire.Active)},
		{held("old", "alice", wire.Disconnected)},
		{held("b", "bob", wire.Reserved)},
		{held("b", "bob", wire.Active)},
		{held("b", "bob", wire.Disconnected)},
		{held("new", "bob", wire.Active)},
	}
	bools := []bool{false, true}
	for _, occupancy := range occupancies {
		for _, lease := range []string{"L", "M", ""} {
			for term := uint64(4); term <= 6; term++ {
				for _, assigned := range []string{"", "Alice", "bob"} {
					for _, capacity := range []int{1, 2} {
						for i := range 8 {
							list = append(list, situation{
								lease, occupancy, term, assigned, capacity,
								bools[i&1], bools[i>>1&1], bools[i>>2&1],
							})
						}
					}
				}
			}
		}
	}
	return list
}

// LHC-25: "the VDA itself is the arbiter"; design 6: only with its current lease
// and no lower term than it has seen; never a second user on a single-session
// desktop; never a user on a used one unless reuse is allowed; never another user
// than the one assigned. Over all states and requests.
func TestArbiterExhaustively(t *testing.T) {
	granted, refused := 0, map[string]int{}
	for _, s := range situations() {
		state := desktop.State{Machine: "pool-01.example.test", Lease: "L", Term: 5, Used: s.used, AssignedUser: s.assigned, Sessions: s.held}.Restored(epoch())
		ask := desktop.Ask{Wall: epoch(), Prepare: wire.Prepare{
			Lease: s.lease, Term: s.term, Session: "new", User: "alice", Resource: "desktop:Pool", Reuse: s.reuse, Assign: s.assign,
		}}
		next, verdict, err := desktop.Arbiter{Capacity: s.capacity}.Prepare(epoch(), state, ask)
		want, got := s.refusals(), code(t, err)
		if err != nil {
			refused[got]++
			if !slices.Contains(want, got) {
				t.Fatalf("%+v: got %q, want one of %q", s, got, want)
			}
			continue
		}
		granted++
		if len(want) > 0 {
			t.Fatalf("%+v: granted, want one of %q", s, want)
		}
		checkGrant(t, s, next, verdict)
	}
	for _, answer := range []string{"403 lease_stale", "409 assigned", "409 busy", "409 used"} {
		if refused[answer] == 0 {
			t.Errorf("no situation was refused with %s", answer)
		}
	}
	if granted == 0 {
		t.Error("no situation was granted")
	}
}

func checkGrant(t testing.TB, s situation, next desktop.State, v desktop.Verdict) {
	t.Helper()
	if v.Session.ID != "new" || !strings.EqualFold(v.Session.User, "alice") || v.Reason == "" {
		t.Fatalf("%+v: got verdict %+v, want alice's session new with a reason", s, v)
	}
	mine := slices.DeleteFunc(slices.Clone(next.Sessions), func(h desktop.Held) bool { return !strings.EqualFold(h.User, "alice") })
	if len(mine) != 1 || mine[0].ID != "new" || len(next.Sessions) > s.capacity {
		t.Fatalf("%+v: got sessions %+v, want exactly one of alice within the capacity", s, next.Sessions)
	}
	if next.Term != max(5, s.term) {
		t.Fatalf("%+v: got term %d, want %d", s, next.Term, max(5, s.term))
	}
	if s.assign && !strings.EqualFold(next.AssignedUser, "alice") {
		t.Fatalf("%+v: got owner %q, want alice", s, next.AssignedUser)
	}
}

// LHC-37: a prepare for the same session changes nothing but the reservation's
// end; the user's own session keeps what it is doing.
func TestPrepareAgain(t *testing.T) {
	a := desktop.Arbiter{Capacity: 1}
	ask := desktop.Ask{Wall: epoch(), Prepare: wire.Prepare{Lease: "L", Session: "s1", User: "alice", Life: site.Duration(time.Minute)}}
	state, _, err := a.Prepare(epoch(), desktop.State{Lease: "L"}, ask)
	if err != nil {
		t.Fatal(err)
	}
	state, _, err = a.Prepare(epoch().Add(50*time.Second), state, ask)
	if err != nil {
		t.Fatal(err)
	}
	if _, gone := state.Expire(epoch().Add(109 * time.Second)); len(gone) != 0 {
		t.Errorf("withdrawn %v before the renewed life was over", gone)
	}
	left, gone := state.Expire(epoch().Add(110 * time.Second))
	if len(gone) != 1 || gone[0].ID != "s1" || len(left.Sessions) != 0 {
		t.Errorf("got withdrawn %v and left %v, want s1 withdrawn", gone, left.Sessions)
	}
	state, err = state.Happened("s1", wire.SessionConnected)
	if err != nil {
		t.Fatal(err)
	}
	state, _, err = a.Prepare(epoch(), state, ask)
	if err != nil || state.Sessions[0].State != wire.Active {
		t.Errorf("got %+v, %v; want the active session unchanged", state.Sessions, err)
	}
	if _, gone := state.Expire(epoch().Add(time.Hour)); len(gone) != 0 {
		t.Errorf("withdrew %v, which has a user", gone)
	}
}

// LHC-34: after logoff the desktop is used until a new boot.
func TestUsedUntilBoot(t *testing.T) {
	a := desktop.Arbiter{Capacity: 1}
	ask := desktop.Ask{Prepare: wire.Prepare{Lease: "L", Session: "s1", User: "alice"}}
	state, _, _ := a.Prepare(epoch(), desktop.State{Lease: "L", Boot: "one"}, ask)
	if state.Used {
		t.Error("a reservation makes the desktop used")
	}
	state, _ = state.Happened("s1", wire.SessionConnected)
	state, _ = state.Happened("s1", wire.SessionEnded)
	ask.Session, ask.User = "s2", "bob"
	if _, _, err := a.Prepare(epoch(), state, ask); code(t, err) != "409 used" {
		t.Errorf("got %v, want 409 used", err)
	}
	if _, _, err := a.Prepare(epoch(), state.Booted("one"), ask); code(t, err) != "409 used" {
		t.Errorf("after the same boot: got %v, want 409 used", err)
	}
	if _, _, err := a.Prepare(epoch(), state.Booted("two"), ask); err != nil {
		t.Errorf("after a new boot: got %v, want none", err)
	}
}

func TestLeaseAnswers(t *testing.T) {
	s := desktop.State{Term: 5, Lease: "L", AssignedUser: "alice", Connectors: []string{"http://a"}}
	if got := s.Leased(wire.Lease{Lease: "M", Term: 4}); got.Term != 5 || got.Lease != "M" || got.AssignedUser != "alice" || len(got.Connectors) != 1 {
		t.Errorf("after a lower term: got %+v, want term 5, lease M, alice and the connectors", got)
	}
	if got := s.Leased(wire.Lease{Lease: "M", Term: 6, AssignedUser: "bob"}); got.Term != 6 || got.AssignedUser != "" {
		t.Errorf("got %+v, want term 6 and no mark of its own once the broker names an owner", got)
	}
}

// Reports are queued with rising numbers, the latest word on a session only.
func TestReports(t *testing.T) {
	s := desktop.State{Lease: "L", Sessions: []desktop.Held{held("a", "alice", wire.Reserved), held("b", "bob", wire.Active)}}
	for _, e := range []struct {
		session string
		event   wire.SessionEvent
	}{{"a", wire.SessionConnected}, {"b", wire.SessionDisconnected}, {"b", wire.SessionConnected}, {"a", wire.SessionEnded}} {
		var err error
		if s, err = s.Happened(e.session, e.event); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range s.Reports {
		got = append(got, fmt.Sprint(r.Seq, r.Session.ID, r.Event, r.Used))
	}
	if want := []string{"3bconnected true", "4aended true"}; !slices.Equal(compact(got), compact(want)) {
		t.Errorf("got reports %q, want %q", got, want)
	}
	if s = s.Reported(3); len(s.Reports) != 1 || s.Reports[0].Seq != 4 {
		t.Errorf("got %+v, want only report 4", s.Reports)
	}
	if _, err := s.Happened("nobody", wire.SessionEnded); code(t, err) != "404 not_found" {
		t.Errorf("got %v, want 404 not_found", err)
	}
}

func compact(list []string) []string {
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], " ", "")
	}
	return list
}
