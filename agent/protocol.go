package agent

import (
	"cmp"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

// protocol is the version of the peer channel that this connector speaks.
func (a *Agent) protocol() string { return cmp.Or(a.o.Protocol, wire.PeerProtocol) }

// differs says why nothing is mirrored or copied between this connector and who says
// these facts; empty: nothing is in the way.
func (a *Agent) differs(f wire.Facts) string { return wire.ProtocolsDiffer(a.protocol(), f.Protocol) }

// unlikeNames are the peers that speak another major version.
func unlikeNames(peers []peerWord) map[site.FQDN]bool {
	var out map[site.FQDN]bool
	for _, p := range peers {
		if p.differs {
			out = with(out, p.fqdn, true)
		}
	}
	return out
}

// tellDiffering tells of each peer that begins to speak another major version (ADC-04).
func (a *Agent) tellDiffering() {
	for _, s := range a.sights {
		if !s.Heard {
			continue
		}
		why := a.differs(s.Facts)
		if why != "" && a.unlike[s.FQDN] != s.Facts.Protocol {
			a.log.raise(events.PeerDiffers, string(s.FQDN)+": "+why, a.fields(logrus.Fields{"peer": string(s.FQDN), "protocol": s.Facts.Protocol}))
		}
		a.unlike = with(a.unlike, s.FQDN, s.Facts.Protocol)
	}
}
