package load

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// Issue 4, 9: "live percentiles": those of the histogram are those of the values.
func TestHistogramAgainstSorting(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for round := range 50 {
		var h Histogram
		var all []time.Duration
		for range 1 + r.IntN(2000) {
			d := time.Duration(r.ExpFloat64() * float64(time.Millisecond) * float64(1+round*round))
			h.Add(d)
			all = append(all, d)
		}
		slices.Sort(all)
		for _, q := range []float64{0.01, 0.5, 0.95, 0.99, 1} {
			rank := max(1, int(q*float64(len(all))+0.5))
			got, want := h.Quantile(q), all[rank-1]
			if got < want-time.Microsecond || float64(got) > float64(want)*1.04+float64(time.Microsecond) {
				t.Fatalf("quantile %v of %d values: got %v, want %v", q, len(all), got, want)
			}
		}
	}
}

func TestHistogramMerges(t *testing.T) {
	var a, b, both Histogram
	for i := range 100 {
		d := time.Duration(i*i) * time.Microsecond
		both.Add(d)
		if i%2 == 0 {
			a.Add(d)
		} else {
			b.Add(d)
		}
	}
	a.Merge(&b)
	if a != both {
		t.Errorf("got %+v, want %+v", a.Latency(), both.Latency())
	}
}

// Issue 4, "Shown by": an outage with a kill, as connectors' heartbeats tell of it.
func TestTrackerFollowsAnOutage(t *testing.T) {
	const c1, c2, c3 = "http://cc01", "http://cc02", "http://cc03"
	good := func(url string, state zone.State) sighting {
		return sighting{url: url, connector: site.FQDN(url[7:]), answered: true, state: state, serving: state.HA()}
	}
	refuses := func(url string) sighting { return sighting{url: url, refused: wire.CodeNotElected} }
	unreachable := func(url string) sighting { return sighting{url: url, refused: wire.CodeCloudUnreachable} }
	steps := []struct {
		at     time.Duration
		seen   sighting
		stage  Stage
		server site.FQDN
		gap    time.Duration
	}{
		{0, sighting{url: c1}, Unknown, "", 0},
		{1, good(c1, zone.Normal), ByCloud, "", 0},
		{2, good(c2, zone.PendingHA), ByCloud, "", 0},
		{3, unreachable(c1), Cut, "", 0}, // it takes cc02 for better off
		{3, unreachable(c2), Cut, "", 0},
		{4, refuses(c1), Cut, "", 0},
		{4, refuses(c2), Nobody, "", 0}, // the engine of cc01 is being made
		{4, good(c1, zone.InitialHA), ByConnector, "cc01", 0},
		{6, good(c1, zone.ExtendedHA), ByConnector, "cc01", 0},
		{7, refuses(c3), ByConnector, "cc01", 0},
		{8, sighting{url: c1}, Nobody, "", 0},
		{10, good(c2, zone.ExtendedHA), ByConnector, "cc02", 4},
		{11, good(c2, zone.Normal), ByCloud, "", 0},
		{12, sighting{url: c2}, Nobody, "", 0},
	}
	tr, began := newTracker(), time.Now()
	for _, s := range steps {
		before := tr.now
		now := began.Add(s.at * time.Second)
		changed := tr.see(now, s.seen)
		if tr.now.stage != s.stage || tr.now.server != s.server {
			t.Fatalf("at %d: got %s %q, want %s %q", s.at, tr.now.stage, tr.now.server, s.stage, s.server)
		}
		if want := before.stage != s.stage || before.server != s.server; changed != want {
			t.Errorf("at %d: changed %t, want %t", s.at, changed, want)
		}
		if _, gap, _ := tr.gap(now); gap != s.gap*time.Second {
			t.Errorf("at %d: gap %v, want %v", s.at, gap, s.gap*time.Second)
		}
	}
}

// Issue 4, 9: time until 50, 95, 99 and 100 % are registered with who serves.
func TestLedgerTimesTheMilestones(t *testing.T) {
	l, began := newLedger(100), time.Now()
	l.know("cc01")
	l.begin(began, "", true)
	for i := range 100 {
		l.moved(began.Add(time.Duration(i)*time.Second), "", "cloud")
	}
	n, reached := l.registered()
	if want := []time.Duration{49 * time.Second, 94 * time.Second, 98 * time.Second, 99 * time.Second}; n != 100 || !slices.Equal(reached, want) {
		t.Errorf("got %d %v, want 100 %v", n, reached, want)
	}
	later := began.Add(time.Hour)
	l.begin(later, "cc01", true)
	if n, reached := l.registered(); n != 0 || len(reached) != 0 {
		t.Errorf("got %d %v of the next epoch, want none", n, reached)
	}
	for range 60 {
		l.moved(later.Add(time.Second), "cloud", "cc01")
	}
	if n, reached := l.registered(); n != 60 || !slices.Equal(reached, []time.Duration{time.Second}) {
		t.Errorf("got %d %v, want 60 after 1 s", n, reached)
	}
}

// Issue 4, 9: "launch mix".
func TestPickGoesByTheMix(t *testing.T) {
	resources := []wire.Resource{{ID: "desktop:a"}, {ID: "desktop:b"}, {ID: "app:c"}}
	for name, c := range map[string]struct {
		mix  map[string]float64
		want map[string]int
	}{
		"alike":    {nil, map[string]int{"desktop:a": 400, "desktop:b": 400, "app:c": 400}},
		"weighted": {map[string]float64{"desktop:a": 1, "app:c": 3}, map[string]int{"desktop:a": 300, "app:c": 900}},
		"nothing":  {map[string]float64{"app:d": 1}, map[string]int{"": 1200}},
	} {
		got := map[string]int{}
		for i := range 1200 {
			got[pick(resources, c.mix, (float64(i)+0.5)/1200)]++
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		for id, n := range c.want {
			if got[id] != n {
				t.Errorf("%s: got %v, want %v", name, got, c.want)
			}
		}
	}
}

// Issue 4, 9: "errors by code".
func TestErrorsAreNamedByTheirCodes(t *testing.T) {
	for want, err := range map[string]error{
		wire.CodeNoMachine: wire.NewProblem(503, wire.CodeNoMachine, ""),
		"connection_lost":  io.ErrUnexpectedEOF,
		"other":            errors.New("boom"),
	} {
		if got := code(err); got != want {
			t.Errorf("got %q for %v, want %q", got, err, want)
		}
	}
}

// Issue 4, 9: "a chart file": one that is well formed and names nothing outside.
func TestChartStandsAlone(t *testing.T) {
	r := Report{Lasted: 3, Epochs: []Epoch{
		{Stage: ByCloud, Lasted: 1},
		{Stage: ByConnector, Server: `cc01<&".test`, At: 1, Lasted: 2},
	}, Samples: []Sample{{At: 1, Registered: 5}, {At: 2, Registered: 9, LaunchP99: 3}}}
	var b bytes.Buffer
	if err := r.WriteChart(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range element.Attr {
			if a.Name.Local == "href" || a.Name.Local == "src" {
				t.Errorf("got %s=%q in %s", a.Name.Local, a.Value, element.Name.Local)
			}
		}
	}
}
