//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"understudy/site"
	"understudy/wire"
)

// operate runs an operator's command at a connector.
func (c *cast) operate(p *player, args ...string) result {
	c.t.Helper()
	args = append(args, "--connector", p.address, "--token-file", filepath.Join(p.data, "admin.token"))
	return execute(c.t, command{Name: strings.Join(args, " "), Args: args, Dir: c.dir})
}

// inquire is operate for a command that answers with one JSON object.
func inquire[T any](c *cast, p *player, args ...string) T {
	c.t.Helper()
	var answer T
	r := c.operate(p, args...)
	if r.Code != 0 {
		c.t.Fatalf("%v at %s: exit code %d: %s", args, p.name, r.Code, r.Stderr)
	}
	if err := json.Unmarshal([]byte(r.Out), &answer); err != nil {
		c.t.Fatalf("%v at %s: %v: %s", args, p.name, err, r.Out)
	}
	return answer
}

// order gives an operator's order on the command line.
func (c *cast) order(p *player, action string) wire.OutageAnswer {
	c.t.Helper()
	return inquire[wire.OutageAnswer](c, p, "outage", action, "--reason", "drill", "-o", "json")
}

func (c *cast) machine(p *player, name site.FQDN) wire.RegistrationStatus {
	c.t.Helper()
	list := inquire[wire.List[wire.RegistrationStatus]](c, p, "registrations", "-o", "json")
	for _, r := range list.Items {
		if r.Machine == name {
			return r
		}
	}
	c.t.Fatalf("%s has no registration of %s: %+v", p.name, name, list)
	return wire.RegistrationStatus{}
}

// siteVersion is that of the player's snapshot, after a sync with the cloud
// broker.
func (c *cast) siteVersion(p *player) site.Version {
	c.t.Helper()
	return p.Shows(act, "a sync that succeeded", func(s wire.Status) error {
		if s.Sync.Outcome != "imported" && s.Sync.Outcome != "unchanged" || s.Snapshot == nil {
			return fmt.Errorf("sync %+v", s.Sync)
		}
		return nil
	}).Snapshot.Version
}
