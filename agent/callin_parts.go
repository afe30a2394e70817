package agent

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"understudy/broker"
	"understudy/callin"
	"understudy/env"
	"understudy/relay"
	"understudy/site"
	"understudy/vda"
	"understudy/wire"
	"understudy/zone"
)

func (a *Agent) newInviter() *inviter {
	return &inviter{
		known: a.known, target: a.callTarget, changed: a.rounds.next, ours: a.ourDesktops, invite: a.invite,
		gate: a.o.Env.Gate, rand: a.o.Env.Rand("call-in"), log: a.log, self: a.o.FQDN,
	}
}

// newInvitationClient keeps few connections: each host is called once, and ten
// thousand that stay open would cost more than the calls.
func (a *Agent) newInvitationClient() *http.Client {
	t := a.o.Env.Transport(a.o.TLS.Callbacks)
	t.ForceAttemptHTTP2, t.MaxIdleConns, t.IdleConnTimeout = false, 64, 5*time.Second
	return &http.Client{Transport: t}
}

// callTarget: desktops are invited by who serves, for as long as it does; and to the
// cloud broker by who closed the outage, for as long as it is Normal.
func (a *Agent) callTarget() callTarget {
	s, settings := a.stance.Load(), a.settings()
	if !settings.CallsIn() {
		return callTarget{}
	}
	t := callTarget{term: s.term, serving: s.judge(time.Now()).engine, connectors: a.invitedTo(), rate: settings.CallInRate}
	if t.serving == nil && !s.hasClosed() {
		return callTarget{}
	}
	return t
}

// hasClosed reports whether this connector closed the latest outage while it ran, and
// the cloud broker serves since.
func (s *stance) hasClosed() bool {
	return s.state == zone.Normal && !s.starting && s.health.healthy && s.record.Writer == s.self && s.returned > 0 && s.returned == s.term
}

// invitedTo are the client URLs of the zone's connectors, the own one first: it sees
// what the cloud broker says.
func (a *Agent) invitedTo() []string {
	own := a.clientURL(a.o.FQDN)
	urls := []string{own}
	for _, u := range a.connectorURLs() {
		if u != own && u != "" {
			urls = append(urls, u)
		}
	}
	return urls
}

// ourDesktops keeps those of a list that this connector may call, by the site and by
// the same check that a registration passes.
func (a *Agent) ourDesktops(list []callin.Desktop) []callin.Desktop {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return nil
	}
	defer snapshot.Release()
	return slices.DeleteFunc(list, func(d callin.Desktop) bool {
		m, known := snapshot.Index.Machine(d.Machine)
		return !known || m.Zone != a.o.Zone || d.Callback != "" && !a.ownCallback(wire.Call{Machine: d.Machine, Callback: d.Callback})
	})
}

func (a *Agent) invite(ctx context.Context, d callin.Desktop, body json.RawMessage) (int, error) {
	answer, err := vda.Caller{Client: a.calls}.Call(ctx, wire.Call{
		ID: env.Short(a.o.Env.Rand("invitations"), 8), Machine: d.Machine, Callback: d.Callback,
		Method: http.MethodPost, Path: "/v1/reregister", Body: body,
	})
	return answer.Status, err
}

// onRelayed learns of desktops from what the cloud broker answered them. Their
// callbacks were checked before anything was relayed.
func (a *Agent) onRelayed(x relay.Exchange) {
	switch {
	case x.Kind == relay.Register && x.RetryAfter > 0:
		a.inviter.hold(x.RetryAfter)
	case x.Kind == relay.Register && x.Status == http.StatusCreated:
		a.learnDesktop(x)
	case x.Kind == relay.Heartbeat && x.Status == http.StatusOK:
		var lease wire.Lease
		if json.Unmarshal(x.Answer, &lease) == nil {
			a.known.Renew(leaseOf(x.Target), lease.Term)
		}
	case x.Kind == relay.Unregister && x.Status == http.StatusNoContent:
		a.known.Forget(leaseOf(x.Target))
	}
}

func (a *Agent) learnDesktop(x relay.Exchange) {
	var said wire.Registration
	var lease wire.Lease
	if json.Unmarshal(x.Request, &said) == nil && json.Unmarshal(x.Answer, &lease) == nil {
		a.known.Learn(said.Machine, said.Callback, callin.LeaseKey(lease.Lease), lease.Term)
	}
}

// servedDesktop learns of a desktop that registered with the secondary broker: it is
// called there when the outage is over, and that broker gone.
func (a *Agent) servedDesktop(said wire.Registration, lease broker.Lease) {
	a.known.Serve(lease.Machine, said.Callback, lease.Term)
}

// leaseOf names the lease in the path of a heartbeat.
func leaseOf(target string) uint64 {
	path, _, _ := strings.Cut(target, "?")
	lease, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:])
	if err != nil {
		return 0
	}
	return callin.LeaseKey(lease)
}

// directoryHead is how far a peer's copy has changed since its boot.
type directoryHead struct {
	peer site.FQDN
	boot string
	head uint64
	// again is before what was left out because the site in use does not have it: the
	// peer's may be newer.
	again   uint64
	leftOut bool
}

func (a *Agent) directoryHeads() []directoryHead {
	var list []directoryHead
	for _, s := range a.mesh.Sights(time.Now()) {
		if s.Heard && a.differs(s.Facts) == "" {
			list = append(list, directoryHead{peer: s.FQDN, boot: s.Facts.Boot, head: s.Facts.Desktops})
		}
	}
	return list
}
