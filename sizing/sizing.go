// Package sizing says how many connectors of what size a site needs (RAS-05), and
// how it got there: a pure function of what is asked for and of what was measured.
// It knows nothing of a running site; the command `size` calls it.
package sizing

import (
	"fmt"
	"math"
	"strings"
	"time"

	"understudy/site"
)

// BallastMB is memory that a connector counts as in use beside what it has. Nobody
// touches it, so the host does not give it; but the collector, which runs when what is
// in use has doubled, runs more seldom: with a site of a few thousand machines, a fourth
// as often. Garbage may take as much more.
const BallastMB = 24

// Assumptions that were not measured; each is named in the answer's steps.
const (
	// busiest is the share of a host's cores that a storm may take.
	busiest = 0.5
	// reports is how many small requests follow a launch: the ticket, two of the desktop.
	reports = 3
	// heap is how far Go's memory grows between two collections.
	heap = 2
	// systemMB is left for the operating system.
	systemMB = 1024
	// heartbeat is the default vda_interval, and spareFiles what is not connections.
	heartbeat  = 5 * time.Minute
	spareFiles = 1024
)

// Demand is what the site must carry.
type Demand struct {
	Users    int `json:"users"`    // who work at the same time
	Machines int `json:"machines"` // desktop hosts
	Zones    int `json:"zones"`    // among which both are spread evenly
	// LogonWindow is the time within which all users log on.
	LogonWindow site.Duration `json:"logon_window"`
	Cores       int           `json:"cores"` // of a connector's host
	Policy      site.Policy   `json:"policy"`
	// GatewaySessions is how many a gateway carries; 0 leaves gateways out.
	GatewaySessions int `json:"gateway_sessions"`
}

// Answer is what the demand takes.
type Answer struct {
	Demand Demand `json:"demand"`
	// Connectors are those of each zone; Needed of them carry it in Normal, and
	// MayFail may be lost at a time.
	Connectors    int `json:"connectors_per_zone"`
	AllConnectors int `json:"connectors"`
	Needed        int `json:"needed_per_zone"`
	MayFail       int `json:"may_fail_per_zone"`
	// ProcessMB is the most that a connector takes, HostMB what to give its host.
	ProcessMB int `json:"process_mb"`
	HostMB    int `json:"host_mb"`
	OpenFiles int `json:"open_files"`
	// Busy is the share of its cores that the elected connector, which carries its
	// zone alone in HA mode, needs while everybody logs on.
	Busy float64 `json:"busy_in_outage"`
	// Fits says that Busy is low enough; else ZonesNeeded would make it so.
	Fits        bool `json:"fits"`
	ZonesNeeded int  `json:"zones_needed"`
	// Registered is how long an outage of the cloud broker waits for all desktops.
	Registered site.Duration `json:"registered_after"`
	Gateways   int           `json:"gateways"`
	Balancers  int           `json:"balancers"`
	// Steps tell how it got there.
	Steps []string `json:"steps"`
}

// Validate names everything that is wrong with a demand by its flag.
func (d Demand) Validate() error {
	var wrong []string
	for _, f := range []struct {
		name       string
		value      int
		least, top int
	}{
		{"--users", d.Users, 1, 10_000_000},
		{"--machines", d.Machines, 1, 10_000_000},
		{"--zones", d.Zones, 1, 10_000},
		{"--cores", d.Cores, 1, 1024},
		{"--gateway-sessions", d.GatewaySessions, 0, 10_000_000},
	} {
		if f.value < f.least || f.value > f.top {
			wrong = append(wrong, fmt.Sprintf("%s %d is not within %d to %d", f.name, f.value, f.least, f.top))
		}
	}
	if w := d.LogonWindow.D(); w < time.Second || w > 24*time.Hour {
		wrong = append(wrong, fmt.Sprintf("--logon-window %s is not within 1s to 24h", w))
	}
	if d.Policy != site.Available && d.Policy != site.Majority {
		wrong = append(wrong, fmt.Sprintf("--policy %q: the policies are %s and %s", d.Policy, site.Available, site.Majority))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%s", strings.Join(wrong, "; "))
	}
	return nil
}

// Of answers a valid demand from figures.
func Of(d Demand, f Figures) Answer {
	c := calculation{d: d, f: f, a: Answer{Demand: d}, machines: share(d.Machines, d.Zones), users: share(d.Users, d.Zones)}
	c.logons = float64(c.users) / d.LogonWindow.D().Seconds()
	c.grown = float64(d.Cores) / float64(f.Cores)
	c.load()
	c.connectors()
	c.memory()
	c.times()
	c.front()
	return c.a
}

// calculation is an answer on its way; machines, users and logons a second are
// those of one zone.
type calculation struct {
	d               Demand
	f               Figures
	a               Answer
	machines, users int
	logons          float64
	grown           float64 // how much more a host does than the one that was measured
}

func (c *calculation) step(format string, args ...any) {
	c.a.Steps = append(c.a.Steps, fmt.Sprintf(format, args...))
}

func share(n, parts int) int { return (n + parts - 1) / parts }

func up(x float64) int { return int(math.Ceil(x)) }
