package agent

import (
	"fmt"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
)

// LHC-34: pooled desktops are counted and forecast by the launches of the last hour:
// "pool A: 12 of 40 left, at this rate empty in 2 h".
func TestPoolForecast(t *testing.T) {
	s := &site.Site{
		Name: "s", Zones: []site.Zone{{Name: "z"}},
		Groups:       []site.DeliveryGroup{{Name: "A", Kind: site.Pooled, Zones: []string{"z"}, Desktop: "A"}},
		Entitlements: []site.Entitlement{{UserGroup: "all", Desktop: "A"}},
	}
	for n := range 40 {
		s.Machines = append(s.Machines, site.Machine{Name: site.FQDN(fmt.Sprintf("d%02d.example", n)), Group: "A", Zone: "z"})
	}
	made := &serving{engine: broker.New(broker.Options{Broker: "cc1.example", Zone: "z", HA: true, Lifetime: 24 * time.Hour, ReservationLife: 24 * time.Hour}, site.NewIndex(s))}
	for _, m := range s.Machines {
		if _, _, err := made.engine.Register(simNow, string(m.Name), broker.Registration{Machine: m.Name, Zone: "z", Capacity: 1}); err != nil {
			t.Fatal(err)
		}
	}
	users := 0
	launch := func(at time.Time, n int) {
		for range n {
			users++
			user := fmt.Sprint("u", users)
			held, err := made.engine.Reserve(at, broker.LaunchRequest{User: user, Groups: []string{"all"}, Resource: "desktop:A", Session: user})
			if err != nil {
				t.Fatal(err)
			}
			made.engine.Commit(at, held)
		}
	}
	look := func(minute, left int, empty string) {
		t.Helper()
		got := made.poolStatus(simNow.Add(time.Duration(minute) * time.Minute))
		in := ""
		if got[0].EmptyIn != nil {
			in = got[0].EmptyIn.String()
		}
		if len(got) != 1 || got[0].Machines != 40 || got[0].Left != left || in != empty {
			t.Errorf("minute %d: %+v, empty in %q; want %d left, empty in %q", minute, got, in, left, empty)
		}
	}
	look(0, 40, "")
	launch(simNow, 10)
	look(1, 30, "")        // too early to tell
	look(60, 30, "3h0m0s") // ten in an hour
	look(61, 30, "")       // none within the last hour
	launch(simNow, 6)
	look(120, 24, "4h0m0s")
}
