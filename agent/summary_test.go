package agent

import (
	"slices"
	"testing"
	"time"

	"understudy/broker"
	"understudy/events"
	"understudy/site"
	"understudy/statemachine"
	"understudy/zone"
)

// Design 10: who serves tells every two minutes how the outage goes; nobody else
// does.
func TestOutageSummaryEveryTwoMinutes(t *testing.T) {
	a := muted(Options{})
	a.core = newCore("c0", zone.Record{Outage: "x"}, 1, simNow)
	a.core.machine, a.core.office = statemachine.New(simNow, zone.ExtendedHA), true
	a.summarise(simNow)
	s := &site.Site{Name: "s", Zones: []site.Zone{{Name: "z"}}}
	a.serving = &serving{engine: broker.New(broker.Options{Broker: "c0", Zone: "z", HA: true}, site.NewIndex(s))}
	told := func(after time.Duration) []events.Name {
		a.summarise(simNow.Add(after))
		return a.raised()
	}
	once := []events.Name{events.OutageSummary}
	for _, c := range []struct {
		after time.Duration
		want  []events.Name
	}{{2*time.Minute - 1, nil}, {2 * time.Minute, once}, {4*time.Minute - 1, nil}, {4 * time.Minute, once}} {
		if got := told(c.after); !slices.Equal(got, c.want) {
			t.Errorf("after %s: got %q, want %q", c.after, got, c.want)
		}
	}
	a.core.office = false
	if got := told(time.Hour); got != nil {
		t.Errorf("one that does not serve told %q", got)
	}
}
