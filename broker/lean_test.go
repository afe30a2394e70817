package broker_test

import (
	"fmt"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
)

// row is a site of one group with the machines of these numbers.
func row(from, to int) *site.Index {
	s := &site.Site{Name: "row", Zones: []site.Zone{{Name: "east"}}}
	s.Groups = []site.DeliveryGroup{{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}}}
	for i := from; i < to; i++ {
		s.Machines = append(s.Machines, site.Machine{Name: inRow(i), Group: "farm", Zone: "east"})
	}
	return site.NewIndex(s)
}

func inRow(i int) site.FQDN { return site.FQDN(fmt.Sprintf("vda%05d.example.test", i)) }

func registrationInRow(i int) broker.Registration {
	return broker.Registration{Machine: inRow(i), Zone: "east", Callback: "https://" + string(inRow(i)) + ":7485", Capacity: 5}
}

// "Memory: ≤ 12 MB per 100,000 registrations".
func TestRegistrationsAreLean(t *testing.T) {
	const machines, most = 50_000, 12 << 20 / 100_000
	e := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, row(0, machines))
	before := inUse()
	for i := range machines {
		if _, _, err := e.Register(start, env.Token(env.Real().Rand("leases")), registrationInRow(i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := (inUse() - before) / machines; got > most {
		t.Errorf("a registration takes %d bytes, want at most %d", got, most)
	}
	runtime.KeepAlive(e)
}

func inUse() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// LHC-30: the secondary broker "accepts VDA registrations": each lease is found,
// whoever has left or registered anew, and whoever else is in the site by now.
func TestEveryLeaseIsFound(t *testing.T) {
	random := env.Real().Rand("leases")
	rapid.Check(t, func(t *rapid.T) {
		const machines = 60
		e := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, row(0, machines))
		leases, gone := map[int]string{}, []string{"", "x"}
		for step := range rapid.IntRange(1, 300).Draw(t, "steps") {
			i := rapid.IntRange(0, machines-1).Draw(t, "machine")
			was, known := leases[i]
			switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
			case what < 6:
				leases[i] = env.Token(random)
				if what == 0 {
					leases[i] = fmt.Sprintf("lease %d", step)
				}
				if _, _, err := e.Register(start, leases[i], registrationInRow(i)); err != nil {
					t.Fatal(err)
				}
			case what < 9 && known:
				delete(leases, i)
				if _, err := e.Unregister(start, was); err != nil {
					t.Fatal(err)
				}
			case what == 9:
				e.SetIndex(row(-rapid.IntRange(0, 5).Draw(t, "more"), machines))
				continue
			}
			if known {
				gone = append(gone, was)
			}
		}
		for i, lease := range leases {
			if got, err := e.Lookup(start, lease); err != nil || got.ID != lease || got.Machine != inRow(i) {
				t.Fatalf("lease %q of %s: got %+v, %v", lease, inRow(i), got, err)
			}
		}
		for _, lease := range gone {
			if got, err := e.Lookup(start, lease); err == nil {
				t.Fatalf("lease %q is gone: got %+v", lease, got)
			}
		}
		for _, r := range e.Registrations(start) {
			if want := "https://" + string(r.Machine) + ":7485"; r.Callback != want {
				t.Fatalf("callback: got %s, want %s", r.Callback, want)
			}
		}
	})
}

// LHC-30: a host is called where it says, also where that has nothing of its name, and
// whatever the host before has said.
func TestCallbackIsAsRegistered(t *testing.T) {
	urls := []string{
		"", "http://10.0.0.1:7485", "http://10.0.0.1:7485vda00000.example.test", "https://vda00000.example.test:7485/vda00000.example.test", "https://VDA00000.example.test",
		"https://vda00000.example.test:7485", "https://vda00000.example.test:7486", "httpx://vda00000.example.test:7485", "https://vda00001.example.test:7485",
	}
	e := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, row(0, 1))
	for _, first := range urls {
		for _, second := range urls {
			for _, want := range []string{first, second} {
				r := registrationInRow(0)
				r.Callback = want
				if _, _, err := e.Register(start, "lease", r); err != nil {
					t.Fatal(err)
				}
				if got := e.Registrations(start)[0].Callback; got != want {
					t.Errorf("got %q, want %q, after %q", got, want, first)
				}
			}
		}
	}
}
