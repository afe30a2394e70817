package sizing_test

import (
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/sizing"
)

func demand(change func(*sizing.Demand)) sizing.Demand {
	d := sizing.Demand{
		Users: 5000, Machines: 5000, Zones: 1, Cores: 2, Policy: site.Available,
		LogonWindow: site.Duration(30 * time.Minute), GatewaySessions: 1200,
	}
	change(&d)
	return d
}

// RAS-05: "Gateways and load balancers are stateless and N+1 … A sizing command
// answers how many hosts N+1 means."
func TestNPlusOne(t *testing.T) {
	for _, c := range []struct {
		name                 string
		change               func(*sizing.Demand)
		connectors, all      int
		mayFail, gate, zones int
		fits                 bool
	}{
		{"5,000 of each: one carries it, one may fail", func(*sizing.Demand) {}, 2, 2, 1, 6, 1, true},
		{"a user and a machine are N+1 too", func(d *sizing.Demand) { d.Users, d.Machines = 1, 1 }, 2, 2, 1, 2, 1, true},
		{"majority needs three", func(d *sizing.Demand) { d.Policy = site.Majority }, 3, 3, 1, 6, 1, true},
		{"each zone has its own", func(d *sizing.Demand) { d.Zones = 4 }, 2, 8, 1, 6, 4, true},
		{"no gateways asked for", func(d *sizing.Demand) { d.GatewaySessions = 0 }, 2, 2, 1, 0, 1, true},
		{"users that fill gateways to the last place", func(d *sizing.Demand) { d.Users = 2400 }, 2, 2, 1, 3, 1, true},
		{"a storm that one cannot carry wants zones", func(d *sizing.Demand) { d.Users, d.LogonWindow = 50_000, site.Duration(time.Minute) }, 6, 6, 1, 43, 3, false},
		{"more cores carry it", func(d *sizing.Demand) {
			d.Users, d.LogonWindow, d.Cores = 50_000, site.Duration(time.Minute), 8
		}, 3, 3, 1, 43, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sizing.Of(demand(c.change), sizing.Measured())
			if a.Connectors != c.connectors || a.AllConnectors != c.all || a.MayFail != c.mayFail || a.Gateways != c.gate || a.ZonesNeeded != c.zones || a.Fits != c.fits {
				t.Errorf("got %+v, want %+v", a, c)
			}
		})
	}
}

// Each input that grows makes no answer smaller, and zones that were asked for fit.
func TestGrowsWithTheDemand(t *testing.T) {
	grow := map[string]func(*sizing.Demand){
		"users":    func(d *sizing.Demand) { d.Users *= 10 },
		"machines": func(d *sizing.Demand) { d.Machines *= 30 },
		"window":   func(d *sizing.Demand) { d.LogonWindow /= 10 },
	}
	small := sizing.Of(demand(func(*sizing.Demand) {}), sizing.Measured())
	for name, change := range grow {
		a := sizing.Of(demand(change), sizing.Measured())
		if a.Connectors < small.Connectors || a.ProcessMB < small.ProcessMB || a.Busy <= small.Busy || a.Registered < small.Registered {
			t.Errorf("%s: got %+v, less than %+v", name, a, small)
		}
	}
	storm := demand(func(d *sizing.Demand) { d.Users, d.LogonWindow = 200_000, site.Duration(time.Minute) })
	storm.Zones = sizing.Of(storm, sizing.Measured()).ZonesNeeded
	if a := sizing.Of(storm, sizing.Measured()); !a.Fits {
		t.Errorf("in %d zones still %.2f of the cores", storm.Zones, a.Busy)
	}
}

// The answer's steps name the measured figures that it rests on.
func TestSaysHowItGotThere(t *testing.T) {
	a := sizing.Of(demand(func(d *sizing.Demand) { d.Machines = 200_000 }), sizing.Measured())
	all := strings.Join(a.Steps, "\n")
	for _, want := range []string{"125 MB", "16500/s", "57000/s", "2030/s", "636 a second", "5000 users / 1200", "larger than the one that was measured", "11.6 MB"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}

func TestValidateNamesEveryFlag(t *testing.T) {
	err := sizing.Demand{Users: 0, Machines: -1, Zones: 0, Cores: 0, GatewaySessions: -1, Policy: "x"}.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, flag := range []string{"--users 0", "--machines -1", "--zones 0", "--cores 0", "--gateway-sessions -1", "--logon-window", `--policy "x"`} {
		if !strings.Contains(err.Error(), flag) {
			t.Errorf("%s is not in %v", flag, err)
		}
	}
}
