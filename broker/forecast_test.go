package broker_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
)

// LHC-34: the forecast is never negative, there is none without a rate, and fewer
// desktops or more launches never make it later.
func TestForecast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		left, taken := rapid.IntRange(-5, 200_000).Draw(t, "left"), rapid.IntRange(-5, 200_000).Draw(t, "taken")
		elapsed := time.Duration(rapid.Int64Range(-5, int64(48*time.Hour)).Draw(t, "elapsed"))
		in, ok := broker.Forecast(left, taken, elapsed)
		if rate := taken > 0 && elapsed > 0 && left >= 0; ok && !rate || in < 0 {
			t.Fatalf("left %d, taken %d in %s: %s %t", left, taken, elapsed, in, ok)
		}
		if fewer, still := broker.Forecast(left-1, taken, elapsed); ok && still && fewer > in {
			t.Fatalf("with one desktop less it is later: %s, not %s", fewer, in)
		}
		if faster, still := broker.Forecast(left, taken+1, elapsed); ok && (!still || faster > in) {
			t.Fatalf("with one launch more it is later: %s, not %s", faster, in)
		}
	})
	if in, ok := broker.Forecast(12, 6, time.Hour); !ok || in != 2*time.Hour {
		t.Errorf("12 left at 6 an hour: %s %t, want two hours", in, ok)
	}
}

// LHC-34: pooled desktops that serve one user each are counted; those of a group that
// gives them out again are not.
func TestPools(t *testing.T) {
	s := &site.Site{
		Name: "s", ReuseInOutage: true, Zones: []site.Zone{{Name: "z"}}, Users: []site.User{{Name: "ann"}},
		Groups: []site.DeliveryGroup{
			{Name: "A", Kind: site.Pooled, Zones: []string{"z"}, Desktop: "A"},
			{Name: "Again", Kind: site.Pooled, Zones: []string{"z"}, Desktop: "Again", ReuseInOutage: true},
		},
		Machines: []site.Machine{
			{Name: "a1.example", Group: "A", Zone: "z"},
			{Name: "a2.example", Group: "A", Zone: "z"},
			{Name: "a3.example", Group: "A", Zone: "z"},
			{Name: "b1.example", Group: "Again", Zone: "z"},
		},
		Entitlements: []site.Entitlement{{User: "ann", Desktop: "A"}},
	}
	e := broker.New(broker.Options{Broker: "cc1.example", Zone: "z", HA: true}, site.NewIndex(s))
	now := time.Now()
	away := 3
	want := func(left, taken int) {
		t.Helper()
		got := e.Pools()
		if len(got) != 1 || got[0] != (broker.Pool{Group: "A", Machines: 3, Left: left, Away: away, Taken: taken}) {
			t.Errorf("got %+v, want %d left and %d taken", got, left, taken)
		}
	}
	want(0, 0)
	for _, name := range []site.FQDN{"a1.example", "a2.example"} {
		if _, _, err := e.Register(now, string(name), broker.Registration{Machine: name, Zone: "z", Capacity: 1}); err != nil {
			t.Fatal(err)
		}
	}
	away = 1
	want(2, 0)
	held, err := e.Reserve(now, broker.LaunchRequest{User: "ann", Resource: "desktop:A", Session: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	e.Commit(now, held)
	want(1, 1)
	if _, _, err := e.Report(now, held.Lease, broker.Report{Seq: 1, Event: broker.SessionEnded, Session: broker.Session{ID: "s1", User: "ann"}, Used: true}); err != nil {
		t.Fatal(err)
	}
	want(1, 1)
	e.SetIndex(site.NewIndex(s))
	want(1, 1)
	if _, _, err := e.Register(now, "again", broker.Registration{Machine: "a2.example", Zone: "z", Capacity: 1}); err != nil {
		t.Fatal(err)
	}
	want(1, 1)
	if _, err := e.Unregister(now, "again"); err != nil {
		t.Fatal(err)
	}
	away = 2
	want(0, 1)
}
