package broker_test

import (
	"testing"

	"understudy/broker"
	"understudy/site"
)

// zones are the brokers of a site of two zones: the pod of each in HA mode, and the
// cloud broker in Normal, each with all desktops that it may have.
func zones(t testing.TB) (east, west, cloud *bench) {
	t.Helper()
	east = inOutage(company())
	west = newBench(broker.Options{Broker: "cc11", Zone: "west", HA: true}, company())
	cloud = newBench(broker.Options{Broker: "cloud"}, company())
	east.register(t, "p1", "own1", "own2", "ts1")
	west.register(t, "pw", "ow")
	cloud.register(t, "p1", "own1", "own2", "ts1", "pw", "ow")
	return east, west, cloud
}

func from(zone string, r broker.LaunchRequest) broker.LaunchRequest {
	r.Zone = zone
	return r
}

// LHC-40: "All zones publish the same resources: StoreFront may send any request to
// any zone's connector." Each serves it with what it has; in Normal with a machine of
// the zone that was asked, or else of another.
func TestSameResourcesAreLaunchedAnywhere(t *testing.T) {
	east, west, cloud := zones(t)
	for _, c := range []struct {
		name string
		at   *bench
		r    broker.LaunchRequest
		want site.FQDN
	}{
		{"HA mode, east", east, from("east", staff("bob", "desktop:pool", "s")), "p1"},
		{"HA mode, west", west, from("west", staff("bob", "desktop:pool", "s")), "pw"},
		{"Normal, asked in east", cloud, from("east", staff("bob", "desktop:pool", "s1")), "p1"},
		{"Normal, asked in west", cloud, from("west", staff("alice", "desktop:pool", "s2")), "pw"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if held, _ := c.at.launch(t, c.r); held.Machine != c.want {
				t.Errorf("got %s, want %s", held.Machine, c.want)
			}
		})
	}
}

// LHC-41: "A launch for a resource the zone does not have is refused with an error that
// names the right zones." LHC-33: "no cross-zone brokering" in HA mode; in Normal the
// cloud broker reaches every zone, so it launches there.
func TestResourcesOfAnotherZone(t *testing.T) {
	_, west, cloud := zones(t)
	_, err := west.Reserve(start, from("west", staff("bob", "desktop:office", "s")))
	wantCode(t, err, broker.CodeWrongZone)
	wantZones(t, err, "east")
	if held, _ := cloud.launch(t, from("west", staff("bob", "desktop:office", "s"))); held.Machine != "ts1" {
		t.Errorf("in Normal got %s, want ts1 of the other zone", held.Machine)
	}
}

// LHC-36, LHC-41: an assigned desktop is launched in its zone only, though other zones
// have desktops of its group too, and free ones.
func TestAssignedDesktopsAreLaunchedInTheirZone(t *testing.T) {
	east, west, cloud := zones(t)
	_, err := west.Reserve(start, from("west", staff("alice", "desktop:owned", "s")))
	wantCode(t, err, broker.CodeWrongZone)
	wantZones(t, err, "east")
	for _, c := range []struct {
		at    *bench
		asked string
	}{{east, "east"}, {cloud, "east"}, {cloud, "west"}} {
		if held, _ := c.at.launch(t, from(c.asked, staff("alice", "desktop:owned", "s"))); held.Machine != "own1" {
			t.Errorf("asked in %s: got %s, want own1", c.asked, held.Machine)
		}
	}
	// Who has none yet gets one of the zone that is asked.
	if held, _ := west.launch(t, from("west", staff("bob", "desktop:owned", "s"))); held.Machine != "ow" || !held.Assign {
		t.Errorf("bob got %+v, want ow as his own", held)
	}
}
