//go:build linux

package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"understudy/site"
	"understudy/wire"
)

// measureRelay compares an enumeration that a connector relays directly with one that
// goes through that connector as a peer, one after the other on one connection (NEW-03).
func measureRelay(l *lab) {
	s := l.newStand(2, func(c ...site.Connector) *site.Site { return bigSite(1000, c...) })
	lost, peer := s.zone[0], s.zone[1]
	s.loseCloud(lost)
	bodies := make([][]byte, 2000)
	for i := range bodies {
		bodies[i] = need(json.Marshal(wire.ResourcesRequest{User: userName(i % 500)}))
	}
	requests := posts("/storefront/v1/resources", bodies)
	each := func(h *host) float64 {
		return 1000 / storm{address: clientAddress(h), conns: 1, requests: requests}.run().rate
	}
	var p pairs
	for round := range *options.rounds + 1 {
		through, direct := each(lost), each(peer)
		if round > 0 {
			p.add(through, direct)
		}
	}
	l.table.add(row{
		Name: "peer relay: an enumeration through a peer", Value: median(p.ours), Unit: "ms",
		Against: fmt.Sprintf("relayed directly: %.2f ms", median(p.peer)), Ratio: p.ratio(),
	}, atMost(2))
}

// loseCloud starts a connector again with a cloud broker at whose address nobody
// listens, and waits until it goes through a peer.
func (s *stand) loseCloud(h *host) {
	text := string(need(os.ReadFile(h.file)))
	s.write(string(h.name)+".yaml", strings.Replace(text, s.cloud.ip+":7443", s.l.loopback()+":7443", 1))
	h.kill()
	s.begin(h)
	listens(clientAddress(h), h.proc)
	until(string(h.name)+" goes through a peer", 30*time.Second, func() bool { return s.get(h, "/health/relay") == http.StatusOK })
}
