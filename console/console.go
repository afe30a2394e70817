// Package console is the admin API: what operators and their commands ask one
// connector. It decides nothing; each answer comes from a function that the agent
// hands in. It is served on loopback or on a Unix socket.
package console

import (
	"context"
	"errors"
	"time"

	"understudy/events"
	"understudy/roles"
	"understudy/wire"
)

// DefaultPoll is how often a followed list of events looks for new ones.
const DefaultPoll = 200 * time.Millisecond

// Options are the answers that the API gives. A server that serves it ends open
// follows by ending its BaseContext.
type Options struct {
	Status        func() wire.Status
	Events        func(context.Context, Query) ([]events.Entry, error)
	Peers         func() wire.List[wire.PeerStatus]
	Snapshots     func() wire.List[wire.SnapshotStatus]
	Registrations func() wire.List[wire.RegistrationStatus]
	Sessions      func() wire.List[wire.SessionStatus]
	// Groups are the delivery groups of the site with their machines in the zone.
	Groups func() wire.GroupList
	// SessionPeaks are the most sessions at a time, of the latest days.
	SessionPeaks func(ctx context.Context, days int) (wire.List[wire.SessionPeak], error)
	// Journal is a page of the durable records after a sequence.
	Journal func(ctx context.Context, after uint64, limit int) (wire.JournalPage, error)
	// Outage carries out an operator's order; what it returns as *wire.Problem is
	// answered as such.
	Outage func(context.Context, wire.OutageOrder) (wire.OutageAnswer, error)
	// Election carries out an order about this connector's part in the election; what
	// it returns as *wire.Problem is answered as such.
	Election func(context.Context, wire.ElectionOrder) (wire.ElectionAnswer, error)
	// SnapshotDiff says what a version changes, SnapshotOrder carries out an order about
	// snapshots; what they return as *wire.Problem is answered as such.
	SnapshotDiff  func(context.Context) (wire.SnapshotDiff, error)
	SnapshotOrder func(context.Context, wire.SnapshotOrder) (wire.SnapshotAnswer, error)
	// Reload reads certificates, keys and tokens from their files again.
	Reload func(context.Context, wire.ReloadOrder) (wire.ReloadAnswer, error)
	// Zone is that of the connector: all that can be changed here concerns it.
	Zone string
	// Token is that of the operator who may read the data folder. Over TCP it, or that of
	// an account, must come with every request; on a Unix socket none is asked.
	Token string
	// Accounts, if there are any, know whose other tokens are.
	Accounts Accounts
	// GroupOf is the delivery group of a machine of the site.
	GroupOf func(machine string) (group string, ok bool)
	// Tell hears of every change that somebody asked for.
	Tell func(Deed)
	Poll time.Duration
}

func (o Options) validate() error {
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"Status", o.Status == nil},
		{"Events", o.Events == nil},
		{"Peers", o.Peers == nil},
		{"Snapshots", o.Snapshots == nil},
		{"Registrations", o.Registrations == nil},
		{"Sessions", o.Sessions == nil},
		{"Groups", o.Groups == nil},
		{"SessionPeaks", o.SessionPeaks == nil},
		{"Journal", o.Journal == nil},
		{"Outage", o.Outage == nil},
		{"Election", o.Election == nil},
		{"SnapshotDiff", o.SnapshotDiff == nil},
		{"SnapshotOrder", o.SnapshotOrder == nil},
		{"Reload", o.Reload == nil},
		{"Zone", o.Zone == ""},
		{"GroupOf", o.GroupOf == nil},
		{"Tell", o.Tell == nil},
	} {
		if part.missing {
			return errors.New("console: " + part.name + " is missing")
		}
	}
	return nil
}

// Console serves the admin API.
type Console struct {
	o Options
	// refusals are of those who are known; strangers cannot crowd them out.
	refusals, strangers roles.Refusals
}

// New returns a Console.
func New(o Options) (*Console, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	return &Console{o: o}, nil
}
