package world_test

import (
	"fmt"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// speaking starts a site whose second connector speaks another version of the peer
// channel.
func speaking(version string, of int) func(*world.Options) {
	return func(o *world.Options) {
		name := o.Site.Connectors[of].FQDN
		o.Protocol = func(who site.FQDN) string {
			if who == name {
				return version
			}
			return ""
		}
	}
}

// ADC-04: "Peers of another protocol version: elected sensibly, no mirrored state, said
// in status". The zone enters and leaves its states as one; who has the state takes over
// before the one of the other version, and that one serves when nobody else can.
func TestPeerOfAnotherMajorVersion(t *testing.T) {
	w, ctx := startAs(t, modes, speaking("2.0", 1))
	all := names(w)
	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	eventually(t, "all desktops are registered", registeredWith(w, all[0]))
	before := launchAll(ctx, t, w)
	eventually(t, "the third has the state, the second nothing of it", func() error {
		first, second := w.Agent(all[0]).Status(), w.Agent(all[1]).Status()
		if p := first.Mirror.Peers; len(p) != 1 || p[0].FQDN != all[2] || p[0].Position < p[0].Head || len(holding(w, all[0])) < 3 {
			return fmt.Errorf("it is mirrored to %+v", p)
		}
		if second.Mirror.Position != 0 || !strings.Contains(second.Mirror.WhyNot, "version 1.0 of the peer channel") || second.Election.Elected != all[0] || second.Number != first.Number {
			return fmt.Errorf("the second says %+v, elected %s by record %d", second.Mirror, second.Election.Elected, second.Number)
		}
		return nil
	})
	for _, seen := range []struct{ by, of site.FQDN }{{all[0], all[1]}, {all[1], all[0]}, {all[1], all[2]}} {
		if p := peerOf(w, seen.by, seen.of); !p.Heard || !strings.Contains(p.Differs, "elect together") {
			t.Errorf("%s says of %s: %+v, want heard, and what does not pass between them", seen.by, seen.of, p)
		}
	}
	if p := peerOf(w, all[0], all[2]); p.Differs != "" || p.Protocol != wire.PeerProtocol {
		t.Errorf("two of one version: %+v", p)
	}

	w.KillConnector(all[0])
	eventually(t, "who has the state serves", serves(w, all[2]))
	if got, want := holding(w, all[2])["desktop:shared"], before["desktop:shared"].Session; got != want {
		t.Errorf("the successor knows session %q at once, want %q", got, want)
	}
	if s := w.Agent(all[1]).Status(); s.Election.Elected != all[2] || !strings.Contains(s.Election.WhyNot, "has the state of the outage") {
		t.Errorf("the second elects %s and says %q", s.Election.Elected, s.Election.WhyNot)
	}

	w.KillConnector(all[2])
	eventually(t, "the one that is left serves", serves(w, all[1]))
	eventually(t, "the desktops come to it", registeredWith(w, all[1]))
	w.Store().Beat(ctx)
	for resource, again := range launchAll(ctx, t, w) {
		if was := before[resource]; again.Session != was.Session || again.Machine != was.Machine {
			t.Errorf("%s: alice gets %s on %s, and had %s on %s", resource, again.Session, again.Machine, was.Session, was.Machine)
		}
	}
}

// "Another minor version: everything goes on with the common part".
func TestPeerOfAnotherMinorVersion(t *testing.T) {
	w, _ := startAs(t, modes, speaking("1.9", 0))
	all := names(w)
	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	eventually(t, "both peers have the state", func() error {
		peers := w.Agent(all[0]).Status().Mirror.Peers
		if len(peers) != 2 || peers[0].Position == 0 || peers[1].Position == 0 {
			return fmt.Errorf("it is mirrored to %+v", peers)
		}
		return nil
	})
	if p := peerOf(w, all[1], all[0]); p.Protocol != "1.9" || p.Differs != "" {
		t.Errorf("the second says %+v of the first", p)
	}
}

func registeredWith(w *world.World, name site.FQDN) func() error {
	return func() error {
		if n := w.Agent(name).Status().Registrations; n < world.SmallDesktops {
			return fmt.Errorf("%d are", n)
		}
		return nil
	}
}

func serves(w *world.World, name site.FQDN) func() error {
	return func() error {
		if s := w.Agent(name).Status(); !s.Election.Serving {
			return fmt.Errorf("%s is elected: %s; %s", s.Election.Elected, s.Election.Reason, s.Election.WhyNot)
		}
		return nil
	}
}

func peerOf(w *world.World, by, of site.FQDN) wire.PeerStatus {
	for _, p := range w.Agent(by).Peers() {
		if p.FQDN == of {
			return p
		}
	}
	return wire.PeerStatus{}
}
