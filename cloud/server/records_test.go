package server_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/cloud"
	"understudy/site"
	"understudy/wire"
)

const east = "east"

func outageRecord(sequence uint64, kind, user string, machine site.FQDN) wire.OutageRecord {
	return wire.OutageRecord{
		Origin: "cc1.example", Journal: "j1", Sequence: sequence, At: time.Date(2030, 1, 2, 12, 0, int(sequence), 0, time.UTC),
		Kind: kind, Machine: machine, Zone: east, Group: "Own", User: user, Session: fmt.Sprintf("s%d", sequence),
	}
}

func (r running) handBack(t testing.TB, b wire.RecordBatch) []wire.RecordAnswer {
	t.Helper()
	answers, err := r.client(t, connectorSecret, "cc1.example").HandBack(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

func outcomes(answers []wire.RecordAnswer) string {
	var list []string
	for _, a := range answers {
		list = append(list, string(a.Outcome))
	}
	return strings.Join(list, " ")
}

// NEW-04: a record is applied once by its name, also over a restart of the cloud
// broker; a duplicate says what became of it first.
func TestRecordsAreTakenOnce(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	publish(t, first)
	batch := wire.RecordBatch{Records: []wire.OutageRecord{
		outageRecord(1, "launch", "alice", "d1.example"), outageRecord(2, "assignment", "alice", "d1.example"), outageRecord(3, "dance", "alice", "d1.example"),
	}}
	if got := outcomes(first.handBack(t, batch)); got != "applied applied rejected" {
		t.Fatalf("got %s", got)
	}
	first.stop()
	again := start(t, data)
	answers := again.handBack(t, batch)
	if got := outcomes(answers); got != "duplicate duplicate duplicate" || answers[2].First != wire.RecordRejected || answers[2].What == "" {
		t.Errorf("after a restart: %+v", answers)
	}
	if list, err := again.HandedBack(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("%d records are kept (%v), want 3", len(list), err)
	}
	owner := func() string {
		p, err := again.client(t, adminSecret, "").Site(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return p.Site.Machines[0].AssignedUser
	}
	eventually(t, func() string {
		if got := owner(); got != "alice" {
			return fmt.Sprintf("the site says that d1.example is that of %q", got)
		}
		return ""
	})
}

// NEW-04: session records become history, never live sessions or used desktops.
func TestRecordsMakeNoSessions(t *testing.T) {
	s := start(t, t.TempDir())
	publish(t, s)
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{
		outageRecord(1, "launch", "alice", "d1.example"), {Origin: "cc1.example", Journal: "j1", Sequence: 2, Kind: "used", Machine: "d1.example", Zone: east, Used: true},
	}})
	if got := s.Stats(); got.Sessions != 0 || got.Reserved != 0 {
		t.Errorf("the cloud broker has %+v, want no session", got)
	}
}

// NEW-04: the configuration names the last record up to which all are there; a
// store that was put back learns what it need not wait for.
func TestContainedRecordsHaveNoGap(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	publish(t, s)
	contained := func(want uint64) {
		t.Helper()
		eventually(t, func() string {
			got := uint64(0)
			for _, c := range containedOf(t, s) {
				got = c.Sequence
			}
			if got != want {
				return fmt.Sprintf("the configuration contains %d, want %d", got, want)
			}
			return ""
		})
	}
	launch := func(n uint64) wire.OutageRecord { return outageRecord(n, "launch", "alice", "d1.example") }
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{launch(1), launch(2), launch(5)}})
	contained(2)
	s.stop()
	s = start(t, data)
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{launch(3)}})
	contained(3)
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{launch(21)}, Pruned: []wire.ContainedRecord{{Origin: "cc1.example", Journal: "j1", Sequence: 20}}})
	contained(21)
}

func containedOf(t testing.TB, s running) []wire.ContainedRecord {
	t.Helper()
	stream, _, err := s.client(t, connectorSecret, "cc1.example").Configuration(t.Context(), wire.ConfigAsk{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	_, header, err := wire.ReadConfig(stream)
	if err != nil {
		t.Fatal(err)
	}
	return header.Records
}

// NEW-04: users who had two sessions at the same time are found once the hand-back
// rests, and told of once, also over a restart.
func TestTwoSessionsAreFound(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	publish(t, s)
	other := outageRecord(1, "launch", "alice", "d2.example")
	other.Journal, other.Origin, other.Session, other.At = "j2", "cc2.example", "t1", other.At.Add(time.Minute)
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{outageRecord(1, "launch", "Alice", "d1.example"), other}})
	two := func() string {
		list, err := s.Findings(t.Context())
		if err != nil || len(list) != 1 || list[0].Kind != wire.FindingTwoSessions {
			return fmt.Sprintf("findings %+v (%v), want one", list, err)
		}
		return ""
	}
	eventually(t, two)
	s.stop()
	s = start(t, data)
	eventually(t, two)
}

// NEW-04: a session of an outage that ended in Normal, where its desktop told the cloud
// broker itself, is not taken for one that goes on in the next outage.
func TestSessionThatEndedInNormal(t *testing.T) {
	s := start(t, t.TempDir())
	publish(t, s)
	connector := s.client(t, connectorSecret, "cc1.example")
	was := wire.Session{ID: "s1", User: "alice", Resource: "desktop:Own", State: wire.Active}
	lease := register(t, connector, was)
	launched := outageRecord(1, "launch", "alice", "d1.example")
	launched.At = time.Now().Add(-time.Hour)
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{launched}})
	send(t, connector, "/vda/v1/registrations/"+lease+"/sessions", wire.SessionReport{Seq: 1, Event: wire.SessionEnded, Session: was}, http.StatusNoContent)
	later := outageRecord(1, "launch", "alice", "d2.example")
	later.Journal, later.Session, later.At = "j2", "t1", time.Now().Add(time.Hour)
	bob := outageRecord(1, "launch", "bob", "d1.example")
	bob.Journal, bob.Session, bob.At = "j3", "b1", later.At
	bobs := bob
	bobs.Journal, bobs.Session, bobs.Machine, bobs.At = "j4", "b2", "d2.example", later.At.Add(time.Minute)
	s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{later, bob, bobs}})
	eventually(t, func() string {
		list, err := s.Findings(t.Context())
		if err != nil || len(list) == 0 {
			return fmt.Sprintf("no finding yet (%v)", err)
		}
		if len(list) != 1 || list[0].Record.User != "bob" {
			t.Fatalf("findings %+v, want bob's alone", list)
		}
		return ""
	})
}

// register registers d1.example with a session, and returns its lease.
func register(t testing.TB, c *cloud.Client, with wire.Session) string {
	t.Helper()
	body, err := json.Marshal(wire.Registration{
		Machine: "d1.example", Zone: east, Callback: "https://d1.example:7485", Capacity: 1, Sessions: []wire.Session{with},
	})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Forward(t.Context(), http.MethodPost, "/vda/v1/registrations", http.Header{"Content-Type": {"application/json"}}, body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var lease wire.Lease
	if err := json.NewDecoder(resp.Body).Decode(&lease); err != nil || lease.Lease == "" {
		t.Fatalf("no lease: %v", err)
	}
	return lease.Lease
}

// A store of schema 1 is taken over.
func TestOldStoreIsUpgraded(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	publish(t, s)
	s.stop()
	db, err := sql.Open("sqlite", filepath.Join(data, "cloud.db"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "DROP TABLE journals; DROP TABLE handed; DROP TABLE findings; PRAGMA user_version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s = start(t, data)
	if got := outcomes(s.handBack(t, wire.RecordBatch{Records: []wire.OutageRecord{outageRecord(1, "launch", "alice", "d1.example")}})); got != "applied" {
		t.Errorf("got %s", got)
	}
}

func publish(t testing.TB, s running) {
	t.Helper()
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), exampleSite(), site.Version{}); err != nil {
		t.Fatal(err)
	}
}

func eventually(t testing.TB, wrong func() string) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	for {
		why := wrong()
		if why == "" {
			return
		}
		select {
		case <-deadline:
			t.Fatal(why)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
