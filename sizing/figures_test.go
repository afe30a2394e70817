package sizing_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/sizing"
)

// tolerance is how far a figure may be from what was measured last: as far as two
// runs on a busy machine are apart.
const tolerance = 0.3

// RAS-05: "A sizing command answers how many hosts N+1 means", from what is measured:
// the figures in the code are those of bench.json.
func TestFiguresAreThoseOfTheBench(t *testing.T) {
	measured := bench(t)
	f := sizing.Measured()
	for _, c := range []struct {
		row   string
		ours  float64
		their func(float64) float64
	}{
		{"memory: connector with the whole site, all registered", f.ConnectorMB, same},
		{"memory: 100,000 registrations in the engine", f.EngineMB, same},
		{"import: more memory", f.ImportMB, same},
		{"registration: over HTTP, 64 connections", f.Registrations, same},
		{"enumeration: over HTTP", f.Enumerations, same},
		{"launch: durable, over HTTP, 64 callers", f.Launches, same},
		{"peer relay: an enumeration through a peer", f.Relayed, func(ms float64) float64 { return 1000 / ms }},
		{"outage of 10000 desktops: 95 % registered after InitialHA begins", f.CallIn, desktops},
		{"call-in with mutual TLS, 10000 desktops: 95 % registered after InitialHA begins", f.CallInTLS, desktops},
		{"outage of 10000 desktops: kill -9 of the elected → the next serves", f.TakeoverMS, same},
	} {
		value, ok := measured[c.row]
		if want := c.their(value); !ok || math.Abs(c.ours-want) > tolerance*want {
			t.Errorf("%s: got %.4g in the code, want %.4g as measured (in bench.json: %t)", c.row, c.ours, want, ok)
		}
	}
}

func same(x float64) float64 { return x }

// desktops is the rate at which 95 % of 10,000 registered.
func desktops(seconds float64) float64 { return 9500 / seconds }

func bench(t testing.TB) map[string]float64 {
	t.Helper()
	text, err := os.ReadFile("../bench.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Name  string
		Value float64
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64, len(rows))
	for _, r := range rows {
		values[r.Name] = r.Value
	}
	return values
}

// The figure of sessions is not in the bench: it is measured here.
func TestFigureOfSessions(t *testing.T) {
	const hosts, each = 1000, 20
	s := site.Generate(10*hosts, 100, 1)
	index := site.NewIndex(s)
	weigh := func(sessions int) float64 {
		engine := broker.New(broker.Options{Broker: "cc01.example.test", HA: true}, index)
		before := alive()
		registered := 0
		for _, m := range s.Machines {
			if m.Group != "terminal" || registered == hosts {
				continue
			}
			registered++
			r := broker.Registration{Machine: m.Name, Zone: m.Zone, Capacity: 100, Callback: "https://" + string(m.Name) + ":7485", Sessions: sessionsOf(registered, sessions)}
			if _, _, err := engine.Register(time.Now(), fmt.Sprintf("lease%027d", registered), r); err != nil {
				t.Fatal(err)
			}
		}
		took := alive() - before
		runtime.KeepAlive(engine)
		return took
	}
	got := (weigh(each) - weigh(0)) / (hosts * each) * 100_000 / 1e6
	if want := sizing.Measured().SessionMB; math.Abs(got-want) > tolerance*want {
		t.Errorf("got %.1f MB for 100,000 sessions, want %.1f as in the code", got, want)
	}
}

func sessionsOf(host, n int) []broker.Session {
	all := make([]broker.Session, n)
	for i := range all {
		all[i] = broker.Session{
			ID: fmt.Sprintf("%016x%016x", host, i), User: fmt.Sprintf("user%05d@example.test", host*100+i),
			Resource: "desktop:terminal", State: broker.Active, Started: time.Now(),
		}
	}
	return all
}

func alive() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
