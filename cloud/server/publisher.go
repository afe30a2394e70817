package server

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/events"
	"understudy/roles"
	"understudy/site"
	"understudy/wire"
)

const (
	// settle lets a burst of assignments become one version.
	settle = 200 * time.Millisecond
	retry  = 5 * time.Second // after a failure
	// A hand-back is over when nothing has come for restAfter; a long one is published
	// in parts.
	restAfter = time.Second
	restLimit = 15 * time.Second
)

// change is what goes with a new version of the site.
type change struct {
	author string
	digest string
	// contained was read before the owners were, so that those are not older.
	contained []wire.ContainedRecord
	stale     []site.FQDN // assignments that the version overrules
}

// publisher makes versions of the site: those that an administrator sends, and
// those that the system makes when it assigns a machine (LHC-01).
type publisher struct {
	store   *store
	engine  *broker.Engine
	log     *logrus.Entry
	news    chan struct{} // there are new assignments
	making  chan struct{} // one version at a time; held over I/O, so no mutex
	current atomic.Pointer[published]
	// handed is when records of an outage came last; rested is called when they have
	// not for a while.
	handed atomic.Pointer[time.Time]
	rested func(context.Context) error
	looked *time.Time // the value of handed when rested was called last; of run
}

func newPublisher(st *store, engine *broker.Engine, current *published, log *logrus.Entry) *publisher {
	p := &publisher{store: st, engine: engine, log: log, news: make(chan struct{}, 1), making: make(chan struct{}, 1), looked: new(time.Time)}
	p.current.Store(current)
	p.assigned() // those that a crash left unpublished
	return p
}

// Current is the newest version of the site.
func (p *publisher) Current() *published { return p.current.Load() }

// assigned asks for a version with the new assignments.
func (p *publisher) assigned() {
	select {
	case p.news <- struct{}{}:
	default:
	}
}

// handedBack asks for a version that contains what was handed back.
func (p *publisher) handedBack() {
	now := time.Now()
	p.handed.Store(&now)
	p.assigned()
}

// rest waits for a hand-back to come to its end, so that not each batch makes a
// version; not for ever.
func (p *publisher) rest(ctx context.Context) {
	for begun := time.Now(); time.Since(begun) < restLimit; {
		at := p.handed.Load()
		if at == nil || time.Since(*at) >= restAfter {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(restAfter - time.Since(*at)):
		}
	}
}

// Put publishes a site that an administrator sends, or the part of it that is theirs;
// ifMatch, if not empty, is the version that it is to replace. Nothing changes unless
// all of it is right.
func (p *publisher) Put(ctx context.Context, s *site.Site, ifMatch string, author roles.Who) (*published, error) {
	p.making <- struct{}{}
	defer func() { <-p.making }()
	current := p.Current()
	if ifMatch != "" && ifMatch != "*" && ifMatch != quoted(current.version.String()) {
		return nil, wire.Problemf(http.StatusPreconditionFailed, wire.CodePrecondition, "the site is at version %s", current.version)
	}
	if s.Name != p.store.site {
		return nil, invalid([]site.Fault{{Path: "name", Text: fmt.Sprintf("is %q; this cloud broker serves site %q", s.Name, p.store.site)}})
	}
	s, err := roles.Merge(author, current.index.Site(), s)
	if err != nil {
		return nil, err
	}
	contained, err := p.store.Contained(ctx)
	if err != nil {
		return nil, err
	}
	owners, err := p.store.Assignments(ctx)
	if err != nil {
		return nil, err
	}
	merged, stale := assign(s, owners)
	if faults := merged.Validate(); len(faults) > 0 {
		return nil, invalid(faults)
	}
	if current.document != nil && wire.Digest(merged, current.contained...) == current.digest {
		return current, nil // what was handed back meanwhile makes a version of its own
	}
	return p.publish(ctx, merged, change{author: author.Name, contained: contained, stale: stale})
}

func invalid(faults []site.Fault) error {
	p := wire.Problemf(http.StatusUnprocessableEntity, wire.CodeInvalidSite, "the site has %d faults; nothing was changed", len(faults))
	p.Faults = faults
	return p
}

// publish makes a version if the content differs. It is called with making held.
func (p *publisher) publish(ctx context.Context, s *site.Site, c change) (*published, error) {
	current := p.Current()
	c.digest = wire.Digest(s, c.contained...)
	if c.digest == current.digest {
		return current, nil
	}
	next, err := p.store.SaveVersion(ctx, s, current.version.Number+1, c)
	if err != nil {
		return nil, err
	}
	next.follow(current)
	p.current.Store(next)
	p.engine.SetIndex(next.index)
	logEvent(p.log, events.SiteChanged, logrus.Fields{"version": next.version.String(), "reason": "published by " + c.author})
	return next, nil
}

// run publishes assignments until ctx ends.
func (p *publisher) run(ctx context.Context, gate func(context.Context) error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for gate(ctx) == nil {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		select {
		case <-ctx.Done():
			return
		case <-p.news:
		}
		p.rest(ctx)
		timer.Reset(p.tryAssignments(ctx))
	}
}

// tryAssignments returns how long to wait before the next version.
func (p *publisher) tryAssignments(ctx context.Context) time.Duration {
	err := p.publishAssignments(ctx)
	if at := p.handed.Load(); err == nil && at != p.looked {
		if err = p.rested(ctx); err == nil {
			p.looked = at
		}
	}
	if err == nil || ctx.Err() != nil {
		return settle
	}
	logEvent(p.log, events.DiskFailed, logrus.Fields{"reason": err.Error()})
	p.assigned()
	return retry
}

func (p *publisher) publishAssignments(ctx context.Context) error {
	p.making <- struct{}{}
	defer func() { <-p.making }()
	current := p.Current()
	if current.document == nil {
		return nil
	}
	contained, err := p.store.Contained(ctx)
	if err != nil {
		return err
	}
	owners, err := p.store.Assignments(ctx)
	if err != nil {
		return err
	}
	merged, stale := assign(current.index.Site(), owners)
	for _, machine := range stale {
		logEvent(p.log, events.AssignmentConflict, logrus.Fields{"machine": machine, "user": owners[machine], "reason": "the site says otherwise"})
	}
	if wire.Digest(merged, contained...) == current.digest {
		return p.store.Forget(ctx, stale)
	}
	author := "the system: a machine was assigned"
	if !slices.Equal(contained, current.contained) {
		author = "the system: records of an outage were handed back"
	}
	_, err = p.publish(ctx, merged, change{author: author, contained: contained, stale: stale})
	return err
}

// assign returns the site with the owners that launches made, where the site
// names none, and which of them it overrules. The site itself is not touched.
func assign(s *site.Site, owners map[site.FQDN]string) (*site.Site, []site.FQDN) {
	kinds := map[string]site.Kind{}
	for _, g := range s.Groups {
		kinds[g.Name] = g.Kind
	}
	users := map[string]bool{}
	for _, u := range s.Users {
		users[site.UserKey(u.Name)] = true
	}
	merged := *s
	merged.Machines = slices.Clone(s.Machines)
	merged.Users = slices.Clone(s.Users)
	open := maps.Clone(owners)
	for i := range merged.Machines {
		m := &merged.Machines[i]
		user, ok := open[m.Name]
		if !ok || site.NameFault(user) != "" || kinds[m.Group] != site.Assigned || m.AssignedUser != "" && site.UserKey(m.AssignedUser) != site.UserKey(user) {
			continue
		}
		delete(open, m.Name)
		if m.AssignedUser != "" {
			continue
		}
		m.AssignedUser = user
		if !users[site.UserKey(user)] {
			users[site.UserKey(user)] = true
			merged.Users = append(merged.Users, site.User{Name: user})
		}
	}
	return &merged, slices.Sorted(maps.Keys(open))
}
