package localdb_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"understudy/events"
	"understudy/localdb"
)

func entry(n int) events.Entry {
	name := events.StateChanged
	if n%3 == 0 {
		name = events.PeerLost
	}
	kind := events.Lookup(name)
	return events.Entry{
		At: time.Date(2026, 1, 2, 3, 4, 5, n, time.UTC), Code: kind.Code, Event: name, Severity: kind.Severity,
		Zone: "berlin", Connector: "cc01.example.test", Reason: fmt.Sprintf("number %d", n),
		Fields: map[string]any{"from": "Normal", "n": float64(n)},
	}
}

func TestEventsArePaged(t *testing.T) {
	s := openState(t, t.TempDir())
	for n := range 250 {
		if err := s.AppendEvent(t.Context(), entry(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		query localdb.EventQuery
		want  []int // the first and the last, and how many
	}{
		"the first page":      {localdb.EventQuery{}, []int{1, 100, 100}},
		"the next page":       {localdb.EventQuery{After: 100}, []int{101, 200, 100}},
		"the last page":       {localdb.EventQuery{After: 200}, []int{201, 250, 50}},
		"nothing more":        {localdb.EventQuery{After: 250}, nil},
		"the newest":          {localdb.EventQuery{Newest: true, Limit: 10}, []int{241, 250, 10}},
		"new ones, newest":    {localdb.EventQuery{Newest: true, Limit: 10, After: 248}, []int{249, 250, 2}},
		"of one name":         {localdb.EventQuery{Names: []events.Name{events.PeerLost}, Limit: 5}, []int{3, 15, 5}},
		"of two names":        {localdb.EventQuery{Names: []events.Name{events.PeerLost, events.StateChanged}, Limit: 2}, []int{1, 2, 2}},
		"of a name not there": {localdb.EventQuery{Names: []events.Name{events.Elected}}, nil},
		"too many":            {localdb.EventQuery{Limit: 1 << 30}, []int{1, 250, 250}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := s.Events(t.Context(), c.query)
			if err != nil {
				t.Fatal(err)
			}
			if len(c.want) == 0 && len(got) == 0 {
				return
			}
			if len(got) == 0 || len(c.want) == 0 {
				t.Fatalf("%d events, want %v", len(got), c.want)
			}
			if span := []int{int(got[0].ID), int(got[len(got)-1].ID), len(got)}; !cmp.Equal(span, c.want) {
				t.Errorf("events %v, want %v", span, c.want)
			}
			want := entry(int(got[0].ID))
			want.ID = got[0].ID
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The table is bounded: the oldest go first, and numbers are never used again.
func TestEventsAreBounded(t *testing.T) {
	s := openState(t, t.TempDir())
	const extra = 500
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for n := range (localdb.MaxEvents + extra) / 50 {
				if err := s.AppendEvent(t.Context(), entry(n)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	first, err := s.Events(t.Context(), localdb.EventQuery{Limit: 1})
	if err != nil || len(first) != 1 || first[0].ID != extra+1 {
		t.Errorf("the oldest is %+v (%v), want %d", first, err, extra+1)
	}
	last, err := s.Events(t.Context(), localdb.EventQuery{Limit: 1, Newest: true})
	if err != nil || len(last) != 1 || last[0].ID != localdb.MaxEvents+extra {
		t.Errorf("the newest is %+v (%v), want %d", last, err, localdb.MaxEvents+extra)
	}
}
