//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"understudy/wire"
	"understudy/zone"
)

// secured is a stand on a network of its own, with TLS from files everywhere. The
// cloud broker has an authority of its own and is on another network than the
// desktops; only connectors are on both.
type secured struct {
	*stand
	net           *network
	zoneCA        *authority
	cloudCA       *authority
	ids           map[string]identity
	front, remote *host // a StoreFront's; the cloud broker's
}

const frontName = "front.example.test"

const remoteName = "cloud.example.test"

func newSecuredStand(t testing.TB, connectors int) *secured {
	t.Helper()
	return newSecured(t, connectors, 2)
}

// newSecured makes a stand with that many connectors and desktops, and more hosts
// on which nothing runs.
func newSecured(t testing.TB, connectors, desktops int, more ...string) *secured {
	t.Helper()
	members, hosts := numbered("cc%02d.example.test", connectors), numbered("ws%03d.example.test", desktops)
	names := slices.Concat([]string{remoteName, frontName}, hosts, members, more)
	s := &secured{stand: newStand(t), net: newNetwork(t, names...), zoneCA: newAuthority(t), cloudCA: newAuthority(t), ids: map[string]identity{}}
	s.remote, s.front = s.net.Host(remoteName), s.net.Host(frontName)
	s.frontHost = s.front
	s.putAway(s.remote, append(slices.Clone(members), frontName))
	s.ids[remoteName] = s.cloudCA.Issue(remoteName)
	for _, name := range names[1:] {
		s.ids[name] = s.zoneCA.Issue(name)
	}
	s.cloud = s.unit("cloud", remoteName)
	s.cloud.guard = fmt.Sprintf("tls: {cert_file: %q, key_file: %q}", s.ids[remoteName].CertFile, s.ids[remoteName].KeyFile)
	s.cloudURL = s.cloud.url(7443)
	for _, name := range members {
		c := s.unit("connector", name)
		c.cloud = fmt.Sprintf(", ca_file: %q", s.cloudCA.File)
		s.zone = append(s.zone, c)
	}
	for _, name := range hosts {
		s.desktops = append(s.desktops, s.unit("desktop", name))
	}
	s.applyFlags = []string{"--ca-file", s.cloudCA.File}
	s.frontFlags = s.shows(s.ids[frontName])
	return s
}

func numbered(pattern string, n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf(pattern, i+1))
	}
	return names
}

// putAway moves a host to a network of its own, on which only the named ones are
// too: it keeps no address and no route on the first.
func (s *secured) putAway(h *host, others []string) {
	s.t.Helper()
	s.net.ip("-n", h.namespace, "address", "del", h.Address+"/24", "dev", "eth0")
	h.Address = "10.66.0.1"
	s.net.ip("-n", h.namespace, "address", "add", h.Address+"/24", "dev", "eth0")
	for i, name := range others {
		s.net.ip("-n", s.net.Host(name).namespace, "address", "add", fmt.Sprintf("10.66.0.%d/24", i+2), "dev", "eth0")
	}
	s.net.writeHosts()
}

func (s *secured) unit(kind, name string) *unit {
	s.t.Helper()
	h := s.net.Host(name)
	return &unit{stand: s.stand, kind: kind, name: name, ip: h.Address, host: h, guard: s.guard(s.ids[name])}
}

// guard is what a file says about TLS.
func (s *secured) guard(id identity) string {
	return fmt.Sprintf("tls: {cert_file: %q, key_file: %q, ca_file: %q}", id.CertFile, id.KeyFile, s.zoneCA.File)
}

// shows are the flags of a StoreFront command that shows the certificate.
func (s *secured) shows(id identity) []string {
	return []string{"--ca-file", s.zoneCA.File, "--cert-file", id.CertFile, "--cert-key-file", id.KeyFile}
}

// LHC-03: "Relays VDA registrations to the cloud broker, and the cloud broker's
// session requests to VDAs." The cloud broker has no route to the desktops, so a
// launch can only have come through a connector's call stream.
func TestCloudWithoutARouteToTheDesktops(t *testing.T) {
	t.Parallel()
	s := newSecuredStand(t, 2)
	s.up()
	s.cloudCannotReach(t, s.desktops[0])

	first := s.launches("alice", "desktop:office")
	if first.Machine != "ws001.example.test" {
		t.Errorf("alice got %s, want her own machine ws001", first.Machine)
	}
	s.cloudCannotReach(t, s.desktops[0])

	s.remote.Cut()
	for _, c := range s.zone {
		c.admin().Reaches(turn, zone.InitialHA)
	}
	inOutage := s.launches("bob", "desktop:pool")
	if inOutage.Machine != "ws002.example.test" {
		t.Errorf("bob got %s, want the pooled machine ws002", inOutage.Machine)
	}

	s.remote.Heal()
	s.isNormal()
	again := s.launches("alice", "desktop:office")
	if !again.Reconnected || again.Session != first.Session {
		t.Errorf("got session %s, reconnected %t; want her session %s again", again.Session, again.Reconnected, first.Session)
	}
	s.saysAlong(t, first, inOutage)
}

// cloudCannotReach shows that packets of the cloud broker's host find no way to a
// desktop, while those of a connector's do.
func (s *secured) cloudCannotReach(t *testing.T, d *unit) {
	t.Helper()
	callback := d.name + ":7485"
	conn, err := s.remote.dial(t.Context(), "tcp", callback)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ENETUNREACH) {
		t.Fatalf("the cloud broker's host dials %s: got %v, want no route", callback, err)
	}
	conn, err = s.zone[0].host.dial(t.Context(), "tcp", callback)
	if err != nil {
		t.Fatalf("a connector's host dials %s: %v", callback, err)
	}
	conn.Close()
}

// saysAlong reads the story of the zone from the logs of its connectors.
func (s *secured) saysAlong(t *testing.T, launches ...wire.LaunchAnswer) {
	t.Helper()
	var logs []string
	for _, c := range s.zone {
		logs = append(logs, c.log)
	}
	wanted := []told{
		{Event: "call_stream_up"},
		{Event: "state_changed", From: "Normal", To: "PendingHA"},
		{Event: "state_changed", To: "InitialHA"},
		{Event: "state_changed", To: "PendingRecovery"},
		{Event: "state_changed", From: "PendingRecovery", To: "Normal"},
	}
	if err := follow(story(t, logs...), wanted...); err != nil {
		t.Error(err)
	}
	secrets := []string{"connectors-of-berlin-0001"}
	for _, l := range launches {
		secrets = append(secrets, l.Ticket)
	}
	for _, c := range s.zone {
		if slices.ContainsFunc(secrets, func(secret string) bool { return strings.Contains(c.Log(), secret) }) {
			t.Errorf("the log of %s holds a token or a ticket", c.name)
		}
	}
}
