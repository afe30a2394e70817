package agent

import (
	"context"
	"math"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
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
	// Records counts the durable records that are kept.
	Records int
	// Checked says that a health check of the cloud broker has finished since the
	// start, Healthy that nothing speaks against it since the latest.
	Checked, Healthy bool
	// Via is the peer through which it is healthy; empty: directly.
	Via site.FQDN
	// CanServe and Draining are what it says of itself to its peers.
	CanServe, Draining bool
	// Invited is how many desktops it has called in to itself since its start.
	Invited uint64
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
		Checked: s.health.checked, Healthy: s.health.healthy, Via: s.health.via, CanServe: s.canServe, Draining: s.draining, Records: a.state.JournalRecords(),
		Invited: a.inviter.calls.Load(),
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

// Records returns the durable records that are kept here, those of others too.
func (a *Agent) Records(ctx context.Context) ([]broker.Record, error) { return a.state.Records(ctx) }

// Held says up to which record the disk of this connector has each journal, its own
// and those of others.
func (a *Agent) Held() map[string]uint64 {
	last, _ := a.state.Held()
	return last
}

// Contained are the records that each kept snapshot contains, by journal.
func (a *Agent) Contained() []wire.ContainedRecord {
	return a.snapshots.Contained()
}

// Copy is what a connector has of an outage's state: its own where it serves, else
// what it has mirrored.
type Copy struct {
	Outage string
	// Whole says that nothing was missing when it was last told.
	Whole bool
	Items []broker.Item
}

// Copy shows what this connector has of the present outage's state.
func (a *Agent) Copy() Copy {
	if s := a.stance.Load().serving; s != nil {
		return Copy{Outage: s.outage, Whole: true, Items: itemsOf(s.engine)}
	}
	return a.mirror.copied()
}

// Leased are the desktops that this connector has leases of, where it serves.
func (a *Agent) Leased() []broker.RegistrationInfo {
	if s := a.stance.Load().serving; s != nil {
		return s.engine.Registrations(time.Now())
	}
	return nil
}

func itemsOf(e *broker.Engine) []broker.Item {
	tail, _ := e.Tail(time.Now(), 0, math.MaxInt, nil)
	return tail.Items
}
