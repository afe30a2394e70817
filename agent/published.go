package agent

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"understudy/site"
	configsync "understudy/sync"
	"understudy/wire"
)

// published is a site source as the source of syncs. It has no versions, so the
// connectors give them: the elected one takes what changed and numbers it, the others
// have it from that one, and see whether their own source says the same.
type published struct {
	source SiteSource
	// started waits until this connector has heard its peers.
	started func(ctx context.Context) error
	// leader is who takes changes, self this connector.
	leader func() site.FQDN
	self   site.FQDN
	// newest is the newest version in the zone.
	newest func() site.Version
	// history begins the versions of a zone that has none, now counts in them.
	history func() string
	now     func() time.Time
	// waited is the digest of the change that the leader had not taken at the last sync.
	waited string
}

func (a *Agent) newPublished() *published {
	return &published{
		source: a.o.Source, started: a.heardPeers, leader: a.leader, self: a.o.FQDN, newest: a.newestVersion, now: a.o.Env.Now,
		history: func() string { return site.NewHistory(a.o.Env, a.o.Env.Now()) },
	}
}

// origin is where the site comes from.
func (a *Agent) origin() configsync.Source {
	if a.published != nil {
		return a.published
	}
	return a.cloudNow()
}

// Configuration gives the whole site as a new version where it changed. Two connectors
// that cannot hear each other may both do so: the time in the number keeps their
// versions apart.
func (p *published) Configuration(ctx context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error) {
	if err := p.started(ctx); err != nil {
		return nil, "", err
	}
	is, digest, err := p.source.Read(ctx, ask.Tags()...)
	if err != nil {
		return nil, "", err
	}
	if is == nil {
		p.waited = ""
		return nil, digest, nil
	}
	if leader := p.leader(); leader != p.self {
		return nil, "", p.follow(leader, digest)
	}
	var stream bytes.Buffer
	if err := wire.WriteConfig(&stream, is, p.next()); err != nil {
		return nil, "", err
	}
	return io.NopCloser(&stream), "", nil
}

// follow leaves a change to who takes it. What that one has not taken by the next sync
// it does not see.
func (p *published) follow(leader site.FQDN, digest string) error {
	if p.waited == digest {
		return fmt.Errorf("the site source of this connector says something else than that of %s, which is elected: all connectors of a zone need the same", leader)
	}
	p.waited = digest
	return fmt.Errorf("the site source has changed: %s is elected: %w", leader, configsync.ErrFollows)
}

func (p *published) next() site.Version {
	v := p.newest()
	if v.IsZero() {
		v.History = p.history()
	}
	v.Number = max(v.Number+1, uint64(max(p.now().Unix(), 0)))
	return v
}

// heardPeers waits until this connector has begun.
func (a *Agent) heardPeers(ctx context.Context) error {
	for {
		changed := a.rounds.next()
		if !a.stance.Load().starting {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the peers: %w", ctx.Err())
		}
	}
}

// leader is the elected connector; where nobody is, because nobody has a snapshot yet,
// the first of those that run.
func (a *Agent) leader() site.FQDN {
	if elected := a.stance.Load().elected; elected != "" {
		return elected
	}
	running := []site.FQDN{a.o.FQDN}
	for _, p := range a.mesh.Sights(time.Now()) {
		if p.Heard && !p.Facts.Leaving {
			running = append(running, p.FQDN)
		}
	}
	return slices.Min(running)
}

// newestVersion is the newest that a connector of the zone uses or holds back, as far
// as this one has heard.
func (a *Agent) newestVersion() site.Version {
	newest, _ := a.ownVersion()
	all := a.holds.Load().Versions()
	for _, p := range a.mesh.Sights(time.Now()) {
		all = append(append(all, p.Facts.Config), p.Facts.HeldBack...)
	}
	for _, v := range all {
		if v.Compare(newest) > 0 {
			newest = v
		}
	}
	return newest
}
