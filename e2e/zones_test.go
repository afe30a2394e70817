//go:build linux

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"understudy/env"
	"understudy/site"
	"understudy/storefront"
	"understudy/storefront/client"
	"understudy/wire"
)

// TestTwoZones: each zone decides for itself, and serves what its own desktops
// have. LHC-33: a desktop registers in its own zone only. LHC-41: a StoreFront
// finds the zone of a resource, whichever connector it asks first. LHC-40: what both
// zones have is launched at the connectors of either.
func TestTwoZones(t *testing.T) {
	t.Parallel()
	berlin, munich := twoZones(t)
	east, west := berlin.players[0], munich.players[0]
	munich.through(t, munich.enumerated(t, "alice", "desktop:shared"))
	berlin.through(t, berlin.enumerated(t, "bob", "desktop:pool"))
	stray := munich.run("stray", "desktop", "stray.yaml")
	strayIsRefused(t, stray)
	refusesStray(t, east)
	launchedAt(t, east, "alice", "desktop:shared", "mu") // in Normal the cloud broker reaches both zones
	launchedAt(t, west, "alice", "desktop:office", "ws001")

	berlin.cloud.Kill()
	if e, w := berlin.holds(east), munich.holds(west); e == w || e == "" || w == "" {
		t.Errorf("the outages of the zones are %q and %q, want one of its own for each", e, w)
	}
	refusesStray(t, east)
	wrongZone(t, east, "desktop:shared", "munich")
	wrongZone(t, west, "desktop:pool", "berlin")
	wrongZone(t, west, "desktop:office", "berlin") // alice's own
	launchedAt(t, east, "bob", "app:Notes", "ws")
	launchedAt(t, west, "alice", "app:Notes", "mu")
	munich.front = pairFront(t, berlin, munich) // has not enumerated
	munich.through(t, munich.served(act, "carol", "desktop:shared"))
	munich.through(t, launchByHand(t, berlin, munich, "dave", "app:Writer"))
	berlin.through(t, launchByHand(t, berlin, munich, "dave", "desktop:pool"))
	munich.balances(t, map[string]string{
		"alice": "desktop:shared", "bob": "app:Writer", "carol": "desktop:shared", "dave": "app:Writer",
	})
}

// twoZones is a site that runs in Normal: berlin has the assigned and the pooled
// desktops, munich two hosts for many users. A third one belongs to munich, but
// its file names the connectors of berlin.
func twoZones(t *testing.T) (berlin, munich *cast) {
	t.Helper()
	berlin = newCast(t)
	berlin.players = berlin.players[:2]
	munich = &cast{
		t: t, dir: berlin.dir, zone: "munich", desktops: 2, cloudAt: berlin.cloudAt, cloudURL: berlin.cloudURL,
		hostAt: fmt.Sprintf("%s:%d", loopback(t, desktopPort), desktopPort),
	}
	munich.join("cc11", "cc12")
	berlin.write("site.yaml", munich.asSecondOf(berlin.siteFile()))
	berlin.write("desktops.yaml", berlin.desktopsFile())
	berlin.write("munich.yaml", manyUsers("mu001", 2, munich.urls(), munich.hostAt))
	berlin.write("stray.yaml", manyUsers("mu003", 1, berlin.urls(), fmt.Sprintf("%s:%d", loopback(t, desktopPort), desktopPort)))
	berlin.startCloud()
	berlin.publish()
	berlin.start()
	munich.start()
	berlin.startHost()
	munich.host = munich.run("munich", "desktop", "munich.yaml")
	berlin.front = pairFront(t, berlin, munich)
	munich.front = berlin.front
	berlin.prepared("cc01.example.test")
	munich.prepared("cc11.example.test")
	return berlin, munich
}

// asSecondOf adds this zone to a site.
func (c *cast) asSecondOf(text string) string {
	connectors := "connectors:\n"
	for _, p := range c.players {
		connectors += fmt.Sprintf("  - {fqdn: %s, zone: munich, client_url: %q, peer_url: %q}\n", p.fqdn(), p.url(clientPort), p.url(peerPort))
	}
	machines := "machines:\n"
	for i := range c.desktops + 1 {
		machines += fmt.Sprintf("  - {name: mu%03d.example.test, group: shared, zone: munich, capacity: 10}\n", i+1)
	}
	return strings.NewReplacer(
		"zones:\n", "applications:\n  - {name: Writer, groups: [shared], command: writer}\n  - {name: Notes, groups: [pool, shared], command: notes}\nzones:\n  - {name: munich, settings: "+quick+"}\n",
		"groups:\n", "groups:\n  - {name: shared, kind: multi-session, zones: [munich], desktop: Shared desktop}\n",
		"entitlements:\n", "entitlements:\n  - {user_group: staff, desktop: shared}\n  - {user_group: staff, application: Writer}\n  - {user_group: staff, application: Notes}\n",
		"connectors:\n", connectors, "machines:\n", machines,
	).Replace(text)
}

// manyUsers is the file of hosts of munich.
func manyUsers(first string, n int, connectors []string, listen string) string {
	return fmt.Sprintf("machine: %s.example.test\nsimulate: %d\ncapacity: 10\nzone: munich\ndata: %s\nconnectors:\n  - [%q, %q]\nlisten: %s\ninsecure: true\nprovider: {kind: simulate, connect: 200ms}\n",
		first, n, first, connectors[0], connectors[1], listen)
}

// pairFront is a StoreFront of both zones that tries berlin first, and that all
// connectors have heard.
func pairFront(t *testing.T, berlin, munich *cast) *client.Client {
	t.Helper()
	front, err := client.New(client.Options{Env: env.Real(), Connectors: append(berlin.urls(), munich.urls()...)})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, act, "each zone has a connector for StoreFronts", func() error {
		front.Beat(t.Context())
		good := map[string]bool{}
		for _, k := range front.Heartbeats() {
			if k.Good {
				good[k.Heartbeat.Zone] = true
			}
		}
		if !good["berlin"] || !good["munich"] {
			return fmt.Errorf("%+v", front.Heartbeats())
		}
		return nil
	})
	return front
}

// prepared waits until the zone could go through an outage.
func (c *cast) prepared(elected site.FQDN) {
	c.t.Helper()
	for _, p := range c.players {
		p.Shows(act, "a connector that is ready for an outage", func(s wire.Status) error {
			c.front.Beat(c.t.Context())
			if s.Snapshot == nil || s.Starting || !s.Health.Healthy || !s.Health.CallStream || !s.Gate.Open || s.Election.Elected != elected {
				return fmt.Errorf("state %s, elected %q, health %q, gate %q, sync %+v", s.State, s.Election.Elected, s.Health.Reason, s.Gate.Reason, s.Sync)
			}
			return nil
		})
	}
}

// enumerated gives the user a resource after the StoreFront has listed what there
// is, as it does when a user signs in.
func (c *cast) enumerated(t *testing.T, user, resource string) wire.LaunchAnswer {
	t.Helper()
	answer, err := c.front.Resources(t.Context(), wire.ResourcesRequest{User: user})
	must(t, err)
	if !slices.ContainsFunc(answer.Resources, func(r wire.Resource) bool { return r.ID == resource && slices.Equal(r.Zones, []string{c.zone}) }) {
		t.Errorf("%s may launch %+v, want %s of %s among them", user, answer.Resources, resource, c.zone)
	}
	return c.served(act, user, resource)
}

// through fails the test unless a connector of this zone gave the launch.
func (c *cast) through(t *testing.T, l wire.LaunchAnswer) {
	t.Helper()
	if !slices.ContainsFunc(c.players, func(p *player) bool { return storefront.Authority(site.FQDN(p.fqdn())) == l.Authority }) {
		t.Errorf("the launch on %s has authority %s, want that of a connector of %s", l.Machine, l.Authority, c.zone)
	}
}

// launchByHand is the operator's command, with the connectors of both zones.
func launchByHand(t *testing.T, berlin, munich *cast, user, resource string) wire.LaunchAnswer {
	t.Helper()
	var answer wire.LaunchAnswer
	r := execute(t, command{Name: "launch", Dir: berlin.dir, Args: []string{
		"storefront", "launch", user, resource, "-o", "json", "--connectors", strings.Join(append(berlin.urls(), munich.urls()...), ","),
	}})
	must(t, r.failure())
	must(t, json.Unmarshal([]byte(r.Out), &answer))
	return answer
}

// launchedAt launches through one connector and no other: there is a machine whose name
// begins so, as soon as one is registered.
func launchedAt(t *testing.T, p *player, user, resource, machine string) {
	t.Helper()
	eventually(t, act, "a launch through "+p.name, func() error {
		a, err := ask(t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/storefront/v1/sessions",
			fmt.Sprintf(`{"user":%q,"resource":%q}`, user, resource), "Content-Type", "application/json")
		var answer wire.LaunchAnswer
		if err == nil {
			err = json.Unmarshal([]byte(a.Body), &answer)
		}
		if err != nil || a.Status != http.StatusCreated || !strings.HasPrefix(string(answer.Machine), machine) {
			return fmt.Errorf("%s for %s at %s: got %d %s (%w), want a machine %s…", resource, user, p.name, a.Status, a.Body, err, machine)
		}
		return nil
	})
}

// wrongZone fails the test unless the elected connector sends the launch to the
// zone that has the resource.
func wrongZone(t *testing.T, p *player, resource, want string) {
	t.Helper()
	a, err := ask(t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/storefront/v1/sessions",
		fmt.Sprintf(`{"user":"alice","resource":%q}`, resource), "Content-Type", "application/json")
	if err != nil || a.Status != http.StatusConflict || a.Problem.Code != wire.CodeWrongZone || !slices.Equal(a.Problem.Zones, []string{want}) {
		t.Errorf("%s for %s: got %d %s (%v), want 409 %s naming %s", p.name, resource, a.Status, a.Body, err, wire.CodeWrongZone, want)
	}
}

// refusesStray: LHC-33, whatever zone the desktop claims to be in.
func refusesStray(t *testing.T, p *player) {
	t.Helper()
	for _, claimed := range []string{"munich", "berlin"} {
		body, err := json.Marshal(wire.Registration{
			Machine: "mu003.example.test", Zone: claimed, AgentVersion: "test", Protocol: wire.VDAProtocol,
			Callback: "http://127.0.0.1:7485/m/mu003.example.test", Capacity: 1, Sessions: []wire.Session{},
		})
		must(t, err)
		a, err := ask(t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/vda/v1/registrations", string(body), "Content-Type", "application/json")
		if err != nil || a.Status != http.StatusForbidden || a.Problem.Code != wire.CodeNotInZone {
			t.Errorf("%s, a desktop of munich as one of %s: got %d %s (%v), want 403 %s", p.name, claimed, a.Status, a.Body, err, wire.CodeNotInZone)
		}
	}
}

// strayIsRefused waits until the desktop process says why it has no broker.
func strayIsRefused(t *testing.T, stray *process) {
	t.Helper()
	eventually(t, act, "the desktop that asks in the wrong zone tells why it is refused", func() error {
		if log := stray.Log(); !strings.Contains(log, wire.CodeNotInZone) {
			return errors.New(log)
		}
		return nil
	})
}

// balances: LHC-36, four users share two hosts evenly; and what two of them leave
// is filled first, so that it is the load that counts and no mere rotation.
func (c *cast) balances(t *testing.T, wants map[string]string) {
	t.Helper()
	at := map[site.FQDN][]string{}
	launches := map[string]wire.LaunchAnswer{}
	for user, resource := range wants {
		l := c.served(act, user, resource)
		launches[user] = l
		at[l.Machine] = append(at[l.Machine], user)
	}
	for _, host := range []site.FQDN{"mu001.example.test", "mu002.example.test"} {
		if len(at[host]) != 2 {
			t.Fatalf("the users are at %v, want two at each host", at)
		}
	}
	const left = "mu002.example.test"
	for _, user := range at[left] {
		c.logoff(launches[user])
	}
	eventually(t, act, "the host is known to be empty", func() error {
		if m := c.machine(c.players[0], left); m.Sessions != 0 || m.Load != 0 {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	for _, user := range at[left] {
		if l := c.served(act, user, wants[user]); l.Machine != left || l.Reconnected {
			t.Errorf("%s got %s (reconnected: %v), want the empty %s", user, l.Machine, l.Reconnected, left)
		}
	}
}
