//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/storefront/client"
	"understudy/wire"
	"understudy/zone"
)

// The ports of a stand.
const (
	standClient = 7480
	standPeer   = 7489
	standCloud  = 7443
)

// steady is for how long a state of the zone must hold to count as its state: at
// least the deadline and a heartbeat.
const steady = 1300 * time.Millisecond

// farName is the host of a second StoreFront.
const farName = "far.example.test"

// netCast is everybody of a zone, each on a host of its own: three connectors, a
// cloud broker on another network, desktops and two StoreFronts. What becomes of
// the users is watched at the desktops all the while.
type netCast struct {
	*secured
	near, far *frontend
	witness   *witness
	began     time.Time // the latest fault
	detection time.Duration
	policy    site.Policy
}

// frontend is a StoreFront on a host.
type frontend struct {
	*client.Client
	host *host
}

// fault is something that happens to the network, and how it ends.
type fault struct {
	name       string
	begin, end func()
}

// castNet starts a zone and waits until it could go through an outage.
func castNet(t testing.TB) *netCast {
	t.Helper()
	c := newNetCast(t, 3)
	c.open()
	return c
}

// newNetCast writes files and starts nothing.
func newNetCast(t testing.TB, connectors int) *netCast {
	t.Helper()
	c := &netCast{secured: newSecured(t, connectors, 3, farName), began: time.Now(), detection: 1500 * time.Millisecond, policy: site.Available}
	c.siteText = func(edition int) string { return c.siteHead(edition) + c.siteBody() }
	for _, d := range c.desktops {
		d.more = fmt.Sprintf("simulate: 1\ncallback: %q", d.url(7485))
	}
	c.near, c.far = c.storefrontAt(c.front), c.storefrontAt(c.net.Host(farName))
	return c
}

// siteHead and siteBody are a site in which alice has a desktop, and everybody one
// of two others.
func (c *netCast) siteHead(edition int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: example\nzones:\n  - name: berlin\n    settings: {health_interval: 400ms, detection: %v, initial_ha: 2s, recovery: 1500ms, "+
		"deadline: 800ms, join_wait: 1s, vda_interval: 1s, preempt_after: 1s, recovery_max: 1500ms, policy: %s}\nconnectors:\n", c.detection, c.policy)
	for _, k := range c.zone {
		fmt.Fprintf(&b, "  - {fqdn: %s, zone: berlin, client_url: %q, peer_url: %q}\n", k.name, k.url(standClient), k.url(standPeer))
	}
	fmt.Fprintf(&b, `groups:
  - {name: office, kind: assigned, zones: [berlin], desktop: Office %d}
  - {name: pool, kind: pooled, zones: [berlin], desktop: Pool}
users:
  - {name: alice, groups: [staff]}
  - {name: bob, groups: [staff]}
  - {name: carol, groups: [staff]}
entitlements:
  - {user: alice, desktop: office}
  - {user_group: staff, desktop: pool}
`, edition)
	return b.String()
}

func (c *netCast) siteBody() string {
	text := "machines:\n  - {name: ws001.example.test, group: office, zone: berlin, assigned_user: alice}\n"
	for _, d := range c.desktops[1:] {
		text += fmt.Sprintf("  - {name: %s, group: pool, zone: berlin}\n", d.name)
	}
	return text
}

func (c *netCast) storefrontAt(h *host) *frontend {
	c.t.Helper()
	world := env.Real()
	world.Dial = h.dial
	var urls []string
	for _, k := range c.zone {
		urls = append(urls, k.url(standClient))
	}
	front, err := client.New(client.Options{
		Env: world, Connectors: urls, TLS: c.zoneCA.Client(c.ids[h.Name]), ConnectTimeout: time.Second, AnswerTimeout: 10 * time.Second,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return &frontend{Client: front, host: h}
}

func (c *netCast) open() {
	c.t.Helper()
	c.up()
	c.witness = watch(c)
	c.near.Beat(c.t.Context())
	for _, k := range c.zone {
		k.admin().Shows(turn, "a connector that is ready for an outage", func(s wire.Status) error {
			if !s.Gate.Open || !s.Health.CallStream || s.Election.Elected != "cc01.example.test" {
				return fmt.Errorf("gate %q, health %q, elected %q", s.Gate.Reason, s.Health.Reason, s.Election.Elected)
			}
			return nil
		})
	}
	c.registered("example")
}

// registered waits until the desktops, or all, are registered with the broker: until
// one is, its user would get another one.
func (c *netCast) registered(broker string, desktops ...*unit) {
	c.t.Helper()
	if len(desktops) == 0 {
		desktops = c.desktops
	}
	eventually(c.t, turn, "desktops are registered with "+broker, func() error { return has(broker, desktops) })
}

// has says whether the desktops are registered with the broker.
func has(broker string, desktops []*unit) error {
	for _, d := range desktops {
		if at := d.broker(); at != broker {
			return fmt.Errorf("the broker of %s is %q", d.name, at)
		}
	}
	return nil
}

// broker is whose lease the desktop has, from its log.
func (u *unit) broker() string {
	var at string
	for line := range strings.Lines(u.Log()) {
		var said struct{ Msg, Broker string }
		if json.Unmarshal([]byte(line), &said) == nil && tellsBroker(said.Msg) {
			at = said.Broker
		}
	}
	return at
}

// during lets a fault begin and end around what happens meanwhile.
func (c *netCast) during(f fault, body func()) {
	c.t.Helper()
	began := time.Now()
	c.began = began
	f.begin()
	body()
	f.end()
	c.t.Logf("%s: for %v", f.name, time.Since(began).Round(time.Millisecond))
}

// outage is during with the cloud broker away; it begins when the first connector
// serves all desktops, and is over when the cloud broker does.
func (c *netCast) outage(body func()) {
	c.t.Helper()
	c.during(c.cloudRefuses(), func() {
		c.entersOutage()
		body()
	})
	c.recovers()
}

func (c *netCast) entersOutage() {
	c.t.Helper()
	c.serves(c.zone[0], c.zone...)
	c.registered(c.zone[0].name)
}

// recovers waits until the zone is in Normal and the cloud broker serves.
func (c *netCast) recovers() {
	c.t.Helper()
	c.isNormal()
	c.registered("example")
}

// serves waits until one of the connectors serves and the others do not, for good.
func (c *netCast) serves(server *unit, among ...*unit) {
	c.t.Helper()
	eventually(c.t, turn, server.name+" serves alone", func() error { return holdsFor(steady, func() error { return alone(server, among) }) })
}

func alone(server *unit, among []*unit) error {
	for _, k := range among {
		s, err := k.admin().Status()
		if err != nil {
			return err
		}
		if s.Election.Serving != (k == server) || s.Election.Serving && !s.State.HA() {
			return fmt.Errorf("%s: state %s, elected %q, serving %t: %s", k.name, s.State, s.Election.Elected, s.Election.Serving, s.Election.Reason)
		}
	}
	return nil
}

// agree waits until all connectors carry one record, and returns it.
func (c *netCast) agree() wire.Status {
	c.t.Helper()
	var record wire.Status
	eventually(c.t, turn, "all connectors have one record", func() (err error) {
		record, err = c.record()
		return err
	})
	return record
}

func (c *netCast) record() (wire.Status, error) {
	var first wire.Status
	for i, k := range c.zone {
		s, err := k.admin().Status()
		switch {
		case err != nil:
			return s, err
		case i == 0:
			first = s
		case s.Number != first.Number || s.Term != first.Term || s.Outage != first.Outage || s.Election.Elected != first.Election.Elected || s.State != first.State:
			return s, fmt.Errorf("%s has %s n%d of %s, elected %q; %s has %s n%d of %s, elected %q", c.zone[0].name, first.State, first.Number, first.Outage,
				first.Election.Elected, k.name, s.State, s.Number, s.Outage, s.Election.Elected)
		}
	}
	return first, nil
}

// steadies waits until all connectors carry one record for good, and the one that
// it elects serves alone, with all desktops.
func (c *netCast) steadies() wire.Status {
	c.t.Helper()
	var record wire.Status
	eventually(c.t, turn, "one connector serves", func() (err error) {
		if record, err = c.record(); err != nil {
			return err
		}
		elected := c.unitOf(record.Election.Elected)
		if err = holdsFor(steady, func() error { return alone(elected, c.zone) }); err != nil {
			return err
		}
		return has(string(record.Election.Elected), c.desktops)
	})
	return record
}

// tells waits until the logs of all connectors, taken together, have these events
// in this order since the latest fault began.
func (c *netCast) tells(patterns ...told) {
	c.t.Helper()
	eventually(c.t, step, "the logs tell the story", func() error { return follow(c.since(c.began), patterns...) })
}

// tellsOf is tells for events in any order.
func (c *netCast) tellsOf(patterns ...told) {
	c.t.Helper()
	for _, pattern := range patterns {
		c.tells(pattern)
	}
}

// since are the events of all connectors from that moment on.
func (c *netCast) since(from time.Time) []told {
	c.t.Helper()
	var logs []string
	for _, k := range c.zone {
		logs = append(logs, k.log)
	}
	lines := story(c.t, logs...)
	return slices.DeleteFunc(lines, func(l told) bool { return l.At.Before(from) })
}

// lost and heard are the events of a connector about a peer.
func lost(at, peer *unit) told {
	return told{Event: "peer_lost", Connector: at.name, Reason: peer.name}
}

func heard(at, peer *unit) told {
	return told{Event: "peer_heard", Connector: at.name, Reason: peer.name}
}

// served waits until the user has a session of the resource, by way of that
// StoreFront.
func (c *netCast) served(by *frontend, user, resource string) wire.LaunchAnswer {
	c.t.Helper()
	var answer wire.LaunchAnswer
	eventually(c.t, turn, user+" gets "+resource, func() (err error) {
		answer, err = by.launch(c.t.Context(), user, resource)
		return err
	})
	eventually(c.t, step, user+" sits at "+resource, func() error { return c.witness.seated(answer, user) })
	return answer
}

func (f *frontend) launch(ctx context.Context, user, resource string) (wire.LaunchAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, act)
	defer cancel()
	return f.Launch(ctx, wire.LaunchRequest{User: user, Resource: resource})
}

// back fails the test unless the user gets the session again (LHC-37, RAS-03).
func (c *netCast) back(by *frontend, l wire.LaunchAnswer, user, resource string) {
	c.t.Helper()
	again := c.served(by, user, resource)
	if !again.Reconnected || again.Session != l.Session || again.Machine != l.Machine {
		c.t.Errorf("%s got session %s on %s (reconnected: %v), want %s on %s again",
			user, again.Session, again.Machine, again.Reconnected, l.Session, l.Machine)
	}
}

// cloudCut is a cloud broker whose packets are lost on the way.
func (c *netCast) cloudCut() fault {
	return fault{"the cloud broker is cut off", func() { c.remote.Cut() }, func() { c.remote.Heal() }}
}

// cloudRefuses is a cloud broker whose host answers every packet with a reset.
func (c *netCast) cloudRefuses() fault {
	return fault{"the cloud broker's host refuses", func() { c.remote.Filter(filter{port: standCloud, reset: true}) }, func() { c.remote.Heal() }}
}

// unplugged is a host whose link is down.
func unplugged(h *host) fault { return fault{h.Name + " is unplugged", h.Unplug, h.Plug} }

// split is a network in which the two sides do not reach each other. What else
// ails the hosts of the first side ends with it.
func split(these, those []*host) fault {
	return fault{
		"a split", func() {
			for _, h := range these {
				h.Cut(those...)
			}
		}, func() { heal(these...) },
	}
}

// filtered is a fault of what arrives at hosts.
func filtered(name string, f filter, at ...*host) fault {
	return fault{
		name, func() {
			for _, h := range at {
				h.Filter(f)
			}
		}, func() { heal(at...) },
	}
}

// bites waits until filters have hit so many packets.
func (c *netCast) bites(packets int, at ...*host) {
	c.t.Helper()
	eventually(c.t, turn, fmt.Sprintf("%d packets are hit", packets), func() error {
		hits := 0
		for _, h := range at {
			hits += h.Hits()
		}
		if hits < packets {
			return fmt.Errorf("only %d are", hits)
		}
		return nil
	})
}

func heal(hosts ...*host) {
	for _, h := range hosts {
		h.Heal()
	}
}

func hosts(units ...*unit) []*host {
	var out []*host
	for _, u := range units {
		out = append(out, u.host)
	}
	return out
}

// is waits until the connectors are in the state.
func is(state zone.State, units ...*unit) {
	for _, u := range units {
		u.stand.t.Helper()
		u.admin().Reaches(turn, state)
	}
}

// unitOf is the connector of that name; nil if none is.
func (c *netCast) unitOf(name site.FQDN) *unit {
	for _, k := range c.zone {
		if k.name == string(name) {
			return k
		}
	}
	return nil
}
