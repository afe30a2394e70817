//go:build linux

package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"understudy/env"
	"understudy/storefront/client"
	"understudy/wire"
	"understudy/zone"
)

// TestNetThroughAPeer: NEW-03, "a connector that lost the cloud while a peer has it relays
// through that peer; the zone stays Normal": desktops that reach that connector alone stay
// registered, the cloud broker's launches come down to them by its call stream, and it
// imports a changed site. When the peers lose the cloud broker too, the zone takes over.
func TestNetThroughAPeer(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	first, others := c.zone[0], c.zone[1:]
	front := c.storefrontOf(first)
	began := time.Now()
	c.during(split(hosts(first), []*host{c.remote}), func() {
		c.through(first, others[0])
		c.during(split(hosts(c.desktops...), hosts(others...)), func() {
			throughout(t, 2*steady, "the zone stays in Normal and the desktops stay registered", func() error {
				if err := c.states(zone.Normal, zone.Normal, zone.Normal); err != nil {
					return err
				}
				return has("example", c.desktops)
			})
			c.served(front, "bob", "desktop:pool")
		})
		before := first.version()
		c.apply()
		eventually(t, turn, first.name+" imports the changed site", func() error {
			if now := first.version(); now == before {
				return fmt.Errorf("it uses %s", now)
			}
			return nil
		})
		c.through(first, others[0])
		c.during(split(hosts(others...), []*host{c.remote}), func() { c.entersOutage() })
		c.recovers()
	})
	eventually(t, turn, "the cloud broker is asked directly again", func() error {
		s, err := first.admin().Status()
		if err == nil && (s.Health.Via != "" || !s.Health.Healthy) {
			err = fmt.Errorf("%+v", s.Health)
		}
		return err
	})
	c.began = began
	c.tells(told{Event: "peer_relay_started", Connector: first.name, Reason: others[0].name}, told{Event: "outage_began", Connector: first.name},
		told{Event: "peer_relay_ended", Connector: first.name, Reason: "directly again"})
}

// through waits until the connector is Normal through that peer, with its call stream.
func (c *netCast) through(at, via *unit) {
	c.t.Helper()
	at.admin().Shows(turn, "a connector that goes through a peer", func(s wire.Status) error {
		if s.State != zone.Normal || !s.Health.Healthy || string(s.Health.Via) != via.name || !s.Health.CallStream {
			return fmt.Errorf("%s: %+v", s.State, s.Health)
		}
		return nil
	})
}

// storefrontOf is a StoreFront that knows one connector.
func (c *netCast) storefrontOf(at *unit) *frontend {
	c.t.Helper()
	world := env.Real()
	world.Dial = c.front.dial
	front, err := client.New(client.Options{Env: world, Connectors: []string{at.url(standClient)}, TLS: c.zoneCA.Client(c.ids[c.front.Name])})
	if err != nil {
		c.t.Fatal(err)
	}
	return &frontend{Client: front, host: c.front}
}
