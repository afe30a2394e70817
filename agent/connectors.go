package agent

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

// takeList keeps the newest list of the zone's connectors: the snapshot's, or a
// newer one that a peer had (design 4), or the file's until the first sync.
func (a *Agent) takeList(peers []peerWord, s site.Settings) wire.ConnectorList {
	list := *a.list.Load()
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return list
	}
	defer snapshot.Release()
	if snapshot.Version.Compare(list.Version) <= 0 && !list.Version.IsZero() {
		a.relist = a.relist && newerHeard(peers, list.Version)
		return list
	}
	newer := wire.ConnectorList{Version: snapshot.Version, Connectors: snapshot.Index.Connectors(a.o.Zone)}
	if !a.mayTake(newer, peers, s) {
		return list
	}
	a.useList(newer)
	if s.Policy == site.Majority {
		a.spawn(func(ctx context.Context) { a.keepList(ctx, newer) })
	}
	return newer
}

// mayTake: under majority two lists in use may differ by one active connector
// only, and a newer one is taken by who hears a majority of its own that uses that
// one or a newer: else two majorities that share nobody could be counted.
func (a *Agent) mayTake(newer wire.ConnectorList, peers []peerWord, s site.Settings) bool {
	present := a.list.Load()
	if s.Policy != site.Majority || present.Version.IsZero() || a.relist {
		a.relist = false
		return true
	}
	why := whyNotTaken(*present, actives(newer.Connectors), a.o.FQDN, peers)
	if why == "" {
		return true
	}
	a.refuseList(present, newer.Version, why)
	return false
}

// refuseList tells once of a list that is not taken, and keeps the one in use, so
// that a restart does not take the other.
func (a *Agent) refuseList(present *wire.ConnectorList, newer site.Version, why string) {
	if a.listRefused == newer {
		return
	}
	a.listRefused = newer
	a.log.raise(events.ListRefused, why, a.fields(logrus.Fields{"version": newer.String()}))
	a.spawn(func(ctx context.Context) { a.keepList(ctx, *present) })
}

// whyNotTaken says why a list with other active connectors is not taken; empty: it
// may be.
func whyNotTaken(in wire.ConnectorList, newer map[site.FQDN]bool, self site.FQDN, peers []peerWord) string {
	present, changed := actives(in.Connectors), 0
	for name := range present {
		if !newer[name] {
			changed++
		}
	}
	for name := range newer {
		if !present[name] {
			changed++
		}
	}
	heard := 0
	for _, p := range peers {
		if p.heard && present[p.fqdn] && p.facts.List.Compare(in.Version) >= 0 {
			heard++
		}
	}
	if present[self] {
		heard++
	}
	switch needed := len(present)/2 + 1; {
	case changed > 1:
		return fmt.Sprintf("its active connectors differ by %d from those in use; under majority they change one at a time", changed)
	case changed == 1 && heard < needed:
		return fmt.Sprintf("it changes the active connectors, and only %d of the %d in use are heard with this list; %d must be", heard, len(present), needed)
	}
	return ""
}

func actives(list []site.Connector) map[site.FQDN]bool {
	out := map[site.FQDN]bool{}
	for _, c := range list {
		if !c.Standby {
			out[c.FQDN] = true
		}
	}
	return out
}

// newerHeard reports whether a peer has a newer list: an order to take the newest
// waits for that one, not for what an administrator publishes some day.
func newerHeard(peers []peerWord, than site.Version) bool {
	return slices.ContainsFunc(peers, func(p peerWord) bool { return p.heard && p.facts.List.Compare(than) > 0 })
}

// seekList asks a peer that has a newer list of the zone's connectors for it.
func (a *Agent) seekList(peers []peerWord) {
	own := a.list.Load().Version
	for _, p := range peers {
		if p.heard && p.facts.List.Compare(own) > 0 {
			a.fetchList(p.fqdn)
			return
		}
	}
}

func (a *Agent) useList(list wire.ConnectorList) {
	a.list.Store(&list)
	a.lists.Add(1)
	a.mesh.SetPeers(list.Connectors)
}

// keepList makes a list durable.
func (a *Agent) keepList(ctx context.Context, list wire.ConnectorList) {
	if err := a.state.SaveConnectors(ctx, list); err != nil && ctx.Err() == nil {
		a.disk.failed(time.Now(), err)
	}
}

// fetchList takes a newer list of the zone's connectors from a peer, in HA mode
// too.
func (a *Agent) fetchList(holder site.FQDN) {
	if time.Since(a.listFetched) < peerFetchEvery {
		return
	}
	a.listFetched = time.Now()
	a.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, peerFetchEvery)
		defer cancel()
		var list wire.ConnectorList
		if err := a.mesh.Do(ctx, holder, http.MethodGet, "/peer/v1/connectors", nil, &list); err != nil {
			a.o.Logger.WithError(err).WithField("peer", string(holder)).Warn("the peer's list of connectors could not be fetched")
			return
		}
		if err := a.do(ctx, func() { a.adoptList(ctx, holder, list) }); err != nil {
			return
		}
	})
}

func (a *Agent) adoptList(ctx context.Context, holder site.FQDN, list wire.ConnectorList) {
	if list.Version.Compare(a.list.Load().Version) <= 0 || len(list.Connectors) == 0 || !a.mayTake(list, a.peers(time.Now()), a.settings()) {
		return
	}
	if err := a.state.SaveConnectors(ctx, list); err != nil {
		a.disk.failed(time.Now(), err)
		return
	}
	a.useList(list)
	a.log.raise(events.ConnectorsTaken, fmt.Sprintf("version %s from %s", list.Version, holder), a.fields(nil))
}
