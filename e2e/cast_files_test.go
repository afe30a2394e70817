//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func (c *cast) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// quick are durations under which an outage is over within seconds. The deadline
// leaves a busy machine room: a process that is paused for longer starts again.
const quick = "{health_interval: 300ms, detection: 1s, initial_ha: 1s, recovery: 1s, deadline: 1s, join_wait: 1500ms, vda_interval: 1s, preempt_after: 1s, detection_max: 1s, recovery_max: 1s}"

// siteFile is a site of one zone.
func (c *cast) siteFile() string {
	text := `name: e2e
zones:
  - name: berlin
    settings: ` + quick + `
groups:
  - {name: office, kind: assigned, zones: [berlin], desktop: Office desktop}
  - {name: pool, kind: pooled, zones: [berlin], desktop: Pooled desktop}
users:
  - {name: alice, groups: [staff]}
  - {name: bob, groups: [staff]}
  - {name: carol, groups: [staff]}
  - {name: dave, groups: [staff]}
entitlements:
  - {user: alice, desktop: office}
  - {user_group: staff, desktop: pool}
connectors:
`
	for _, p := range c.players {
		text += fmt.Sprintf("  - {fqdn: %s, zone: berlin, client_url: %q, peer_url: %q}\n", p.fqdn(), p.url(clientPort), p.url(peerPort))
	}
	text += "machines:\n  - {name: ws001.example.test, group: office, zone: berlin, assigned_user: alice}\n"
	for i := range poolDesktops {
		text += fmt.Sprintf("  - {name: ws%03d.example.test, group: pool, zone: berlin}\n", i+2)
	}
	return text
}

func (c *cast) connectorFile(p *player) string {
	text := fmt.Sprintf("site: e2e\nfqdn: %s\nzone: %s\ndata: %s\ncloud: {url: %q, token_file: connector.token, timeout: 2s}\n", p.fqdn(), c.zone, p.data, c.cloudURL)
	text += fmt.Sprintf("listen: {client: %q, peer: %q, admin: %q}\n", p.at(clientPort), p.at(peerPort), p.at(adminPort))
	text += "insecure: true\nsync: {interval: 1s}\npeers:\n"
	for _, o := range c.players {
		text += fmt.Sprintf("  - {fqdn: %s, client_url: %q, peer_url: %q}\n", o.fqdn(), o.url(clientPort), o.url(peerPort))
	}
	return text + c.more
}

func (c *cast) desktopsFile() string {
	urls := c.urls()
	for i, u := range urls {
		urls[i] = fmt.Sprintf("%q", u)
	}
	return fmt.Sprintf("machine: ws%%03d.example.test\nsimulate: %d\nzone: berlin\ndata: %s\nconnectors:\n  - [%s]\nlisten: %s\ninsecure: true\nprovider: {kind: simulate, connect: 200ms}\n",
		c.desktops, c.hostData, strings.Join(urls, ", "), c.hostAt)
}

func (c *cast) cloudFile(data string) string {
	return fmt.Sprintf("site: e2e\ndata: %s\nlisten: %s\ninsecure: true\ntokens_file: tokens\n", data, c.cloudAt)
}
