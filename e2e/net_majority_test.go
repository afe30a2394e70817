//go:build linux

package e2e_test

import (
	"errors"
	"testing"

	"understudy/site"
	"understudy/wire"
)

func castMajority(t *testing.T, connectors int) *netCast {
	t.Helper()
	c := newNetCast(t, connectors)
	c.policy = site.Majority
	c.open()
	return c
}

// TestNetMajority: RAS-02: "a minority never serves" across a real partition: the
// elected one that loses the others stops, and they elect one of themselves.
func TestNetMajority(t *testing.T) {
	t.Parallel()
	c := castMajority(t, 3)
	first, second, third := c.zone[0], c.zone[1], c.zone[2]
	c.outage(func() {
		bob := c.served(c.near, "bob", "desktop:pool")
		began := c.began
		c.during(split(hosts(first), hosts(second, third)), func() {
			eventually(t, turn, "the minority has stopped", func() error { return serving(first, false) })
			c.serves(second, c.zone...)
			// On a busy machine it may have been paused before, and was in office no more.
			if follow(c.since(began), told{Event: "late_wake", Connector: first.name}) != nil {
				c.tells(told{Event: "election_lost", Connector: first.name})
			}
			c.tells(told{Event: "elected", Connector: second.name, Elected: second.name})
			c.registered(second.name)
			c.back(c.near, bob, "bob", "desktop:pool")
		})
		c.steadies()
		c.back(c.near, bob, "bob", "desktop:pool")
	})
}

// TestNetTwoConnectors: RAS-02: of two, neither is a majority. One that is left
// serves nobody until an operator promotes it, and the promotion lapses when the
// other one is back.
func TestNetTwoConnectors(t *testing.T) {
	t.Parallel()
	c := castMajority(t, 2)
	first, second := c.zone[0], c.zone[1]
	c.outage(func() {
		bob := c.served(c.near, "bob", "desktop:pool")
		c.during(unplugged(first.host), func() {
			c.tells(lost(second, first))
			throughout(t, 3*steady, "the survivor does not serve", func() error { return serving(second, false) })
			c.election(second, "promote", "--yes")
			c.serves(second, second)
			c.registered(second.name)
			c.back(c.near, bob, "bob", "desktop:pool")
		})
		c.steadies()
		second.admin().Shows(turn, "that the promotion has lapsed", func(s wire.Status) error {
			if s.Election.Promotion != nil {
				return errors.New(s.Election.Reason)
			}
			return nil
		})
		c.back(c.near, bob, "bob", "desktop:pool")
	})
}

// TestNetDrain: before maintenance an operator drains the elected one: another
// serves, until it is undrained, and users see nothing of it.
func TestNetDrain(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	first, second := c.zone[0], c.zone[1]
	c.outage(func() {
		bob := c.served(c.near, "bob", "desktop:pool")
		c.election(first, "drain")
		c.serves(second, c.zone...)
		c.tells(told{Event: "handover", Connector: first.name}, told{Event: "elected", Connector: second.name, Elected: second.name})
		c.registered(second.name)
		c.back(c.near, bob, "bob", "desktop:pool")
		c.election(first, "undrain")
		c.steadies()
		c.back(c.near, bob, "bob", "desktop:pool")
	})
}

func serving(u *unit, want bool) error {
	s, err := u.admin().Status()
	if err == nil && s.Election.Serving != want {
		err = errors.New(s.Election.Reason)
	}
	return err
}

// election gives an operator's order about a connector's part.
func (c *netCast) election(at *unit, args ...string) {
	c.t.Helper()
	args = append([]string{"election"}, args...)
	must(c.t, c.run(nil, append(args, "--reason", "drill", "--connector", "unix:"+at.socket())...).failure())
}
