package agent

import (
	"context"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/zone"
)

// Observed is what requests are answered by at one moment, for who runs the
// connector in its own process and checks it.
type Observed struct {
	State    zone.State
	Starting bool
	Elected  site.FQDN
	Record   zone.Record
	// Highest is the highest record number or term ever seen; it is durable.
	Highest uint64
	// Accepts says that a request is answered by the secondary broker now.
	Accepts bool
	// Office says that there is a secondary broker and the office for it.
	Office bool
	// Snapshot is the version in use; zero where there is none.
	Snapshot site.Version
	Digest   string
	// Checked says that a health check of the cloud broker has finished since the
	// start, Healthy that nothing speaks against it since the latest.
	Checked, Healthy bool
	// CanServe and Draining are what it says of itself to its peers.
	CanServe, Draining bool
	// Actives are the zone's active connectors in the list in use.
	Actives []site.FQDN
	// Lists counts the lists that were in use since the start.
	Lists int
}

// Observe shows what requests are answered by now.
func (a *Agent) Observe() Observed {
	s := a.stance.Load()
	o := Observed{
		State: s.state, Starting: s.starting, Elected: s.elected, Record: s.record, Highest: s.highest,
		Accepts: s.judge(time.Now()).engine != nil, Office: s.serving != nil,
		Checked: s.health.checked, Healthy: s.health.healthy, CanServe: s.canServe, Draining: s.draining,
	}
	o.Snapshot, o.Digest = a.current()
	o.Lists = int(a.lists.Load())
	for _, c := range a.list.Load().Connectors {
		if !c.Standby {
			o.Actives = append(o.Actives, c.FQDN)
		}
	}
	return o
}

// Journal returns the durable records of this connector.
func (a *Agent) Journal(ctx context.Context) ([]broker.Record, error) { return a.state.Journal(ctx) }
