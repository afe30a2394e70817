package broker_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/broker"
	"understudy/site"
)

// ADC-05: "Settable and readable from the command line": what the machines of each
// group can do now, each counted once.
func TestGroups(t *testing.T) {
	s := farm(site.LeastLoad, 100, 100, 100, 100, 100)
	for i := range s.Machines {
		s.Machines[i].Capacity = 1
	}
	s.Machines[1].Maintenance = true
	e := inOutage(s)
	e.register(t, "h1", "h2", "h3", "h4")
	full, _ := e.launch(t, staff("ann", "desktop:farm", "s1"))
	failed, err := e.Reserve(e.now, staff("bob", "desktop:farm", "s2"))
	if err != nil || failed.Machine == full.Machine {
		t.Fatal(failed, err)
	}
	e.Release(e.now, failed)
	e.PutAside(e.now, failed, broker.Silent)
	want := []broker.GroupInfo{{Group: "farm", Members: broker.Members{Free: 1, Full: 1, Maintenance: 1, Aside: 1, Away: 1}, Sessions: 1, Peak: 2}}
	if diff := cmp.Diff(want, e.Groups()); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
