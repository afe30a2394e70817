package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"understudy/config"
	"understudy/env"
	"understudy/site"
	"understudy/trust"
	"understudy/wire"
)

// cloudBroker asks the cloud broker for its health, and as who it knows this connector.
func (p *patient) cloudBroker(ctx context.Context) []Finding {
	f := p.connector
	about := "cloud broker " + f.Cloud.URL
	secure, err := f.CloudTLS(trust.New(p.Env.Now))
	if err != nil {
		return []Finding{skipped(checkReach, about, "our own certificate cannot be used, or is not there yet")}
	}
	t := target{
		about: about, url: f.Cloud.URL, key: "cloud.url", path: "/cloud/v1/health", tls: present(secure),
		name: hostOf(f.Cloud.URL), ca: authority("cloud.ca_file", f.Cloud.CAFile, f.TLS.CAFile), token: f.Cloud.TokenFile, header: p.asConnector(),
	}
	if f.Cloud.TokenFile != "" {
		secret, err := config.ReadSecret(f.Cloud.TokenFile)
		if err != nil {
			return []Finding{skipped(checkReach, about, "our own token cannot be read")}
		}
		t.header.Set("Authorization", "Bearer "+secret)
	}
	a := p.question(ctx, t)
	return p.judgeCloud(ctx, &a)
}

// present is what the settings are now; nil for plain text.
func present(now env.TLS) *tls.Config {
	if now == nil {
		return nil
	}
	return now()
}

func (p *patient) asConnector() http.Header {
	h := http.Header{}
	h.Set(wire.HeaderConnector, string(p.connector.FQDN))
	h.Set(wire.HeaderZone, p.connector.Zone)
	return h
}

func (p *patient) judgeCloud(ctx context.Context, a *answer) []Finding {
	if f, answered := a.reached(); !answered {
		return []Finding{f}
	}
	out := a.clock()
	if f, refused := a.refused(); refused {
		return append(out, f)
	}
	if f, wrong := a.otherSite(p.connector.Site); wrong {
		return append(out, f)
	}
	if f, wrong := p.otherZone(ctx, a.target); wrong {
		return append(out, f)
	}
	out = append(out, fine(checkReach, a.about, "it answers, and knows this connector, its zone and its token"))
	return append(out, a.slow("answer_slow", "cloud.timeout", p.connector.Cloud.Timeout.D()/2)...)
}

// otherSite judges what the cloud broker says of its site.
func (a *answer) otherSite(own string) (f Finding, wrong bool) {
	var h wire.CloudHealth
	if err := json.Unmarshal(a.body, &h); err != nil || h.Site == "" {
		return found("not_ours", a.about, a.where()+": it answers, but not as a cloud broker", a.places()), true
	}
	if h.Site != own {
		return found("other_site", a.about, fmt.Sprintf("%s: it serves site %q, the file says %q", a.where(), h.Site, own), a.places()), true
	}
	return f, false
}

// noLease is one that no broker has given.
const noLease = "/vda/v1/registrations/doctor"

// otherZone asks for what a broker answers only to a connector of the zone.
func (p *patient) otherZone(ctx context.Context, t target) (f Finding, wrong bool) {
	t.path = noLease
	a := p.question(ctx, t)
	if a.err != nil || a.status == http.StatusNotFound {
		return f, false // a broker that is lost now was there a moment ago
	}
	if a.status == http.StatusForbidden || a.status == http.StatusUnauthorized {
		return a.refused()
	}
	return f, false
}

// peerPorts looks at both ports of a peer.
func (p *patient) peerPorts(peer config.Peer) []look {
	return []look{
		func(ctx context.Context) []Finding { return p.peerClient(ctx, peer) },
		func(ctx context.Context) []Finding { return p.peerPeer(ctx, peer) },
	}
}

func (p *patient) peerClient(ctx context.Context, peer config.Peer) []Finding {
	about := fmt.Sprintf("peer %s, client port", peer.FQDN)
	a, err := p.healthz(ctx, target{about: about, key: "peers: client_url of " + string(peer.FQDN), url: peer.ClientURL, peer: true})
	if err != nil {
		return []Finding{skipped(checkReach, about, "our own certificate cannot be used, or is not there yet")}
	}
	return a.alive()
}

// healthz asks a connector or an agent whether it is alive, which leaves no trace there.
func (p *patient) healthz(ctx context.Context, t target) (answer, error) {
	var err error
	t.path, t.name, t.ca = "/healthz", hostOf(t.url), authority("tls.ca_file", p.tls.CAFile, "")
	if t.tls, err = p.client(""); err != nil {
		return answer{}, err
	}
	return p.question(ctx, t), nil
}

func (a *answer) alive() []Finding {
	if f, answered := a.reached(); !answered {
		return []Finding{f}
	}
	if f, refused := a.refused(); refused {
		return append(a.clock(), f)
	}
	return append(a.clock(), fine(checkReach, a.about, "%s: it answers", a.where()))
}

// peerPeer asks a peer for its list of connectors, which it gives to those of its zone.
func (p *patient) peerPeer(ctx context.Context, peer config.Peer) []Finding {
	about := fmt.Sprintf("peer %s, peer port", peer.FQDN)
	secure, err := p.client(string(peer.FQDN))
	if err != nil {
		return []Finding{skipped(checkReach, about, "our own certificate cannot be used, or is not there yet")}
	}
	a := p.question(ctx, target{
		about: about, url: peer.PeerURL, key: "peers: peer_url of " + string(peer.FQDN), path: "/peer/v1/connectors",
		tls: secure, name: string(peer.FQDN), ca: authority("tls.ca_file", p.tls.CAFile, ""), header: p.asConnector(), peer: true,
	})
	return p.judgePeer(&a, peer.FQDN)
}

func (p *patient) judgePeer(a *answer, peer site.FQDN) []Finding {
	if f, answered := a.reached(); !answered {
		return []Finding{f}
	}
	if f, refused := a.refused(); refused {
		return []Finding{f}
	}
	if f, wrong := p.strangers(a, peer); wrong {
		return []Finding{f}
	}
	limit := p.connector.Election.Deadline.D() / 4
	return append([]Finding{fine(checkReach, a.about, "%s: it answers, and knows this connector as a peer", a.where())},
		a.slow("deadline_short", "election.deadline", limit)...)
}

// strangers judges the peer's list, which names this connector with its zone.
func (p *patient) strangers(a *answer, peer site.FQDN) (f Finding, wrong bool) {
	var list wire.ConnectorList
	if err := json.Unmarshal(a.body, &list); err != nil {
		return found("not_ours", a.about, a.where()+": it answers, but not as a connector", a.places()), true
	}
	for _, c := range list.Connectors {
		if c.FQDN == p.connector.FQDN && c.Zone != "" && c.Zone != p.connector.Zone {
			return found("other_zone", a.about, fmt.Sprintf("%s has this connector in zone %q, the file says %q", peer, c.Zone, p.connector.Zone), a.places()), true
		}
	}
	return f, false
}

// authority names the file in which the other side's authority has to be.
func authority(key, file, otherwise string) string {
	switch {
	case file != "":
		return "`" + key + "` (" + file + ")"
	case otherwise != "":
		return "`tls.ca_file` (" + otherwise + ")"
	}
	return "`" + key + "`"
}

// controller asks a controller for anything: that it answers is enough.
func (p *patient) controller(i int, server string) look {
	return func(ctx context.Context) []Finding {
		about := "controller " + server
		var secure *tls.Config
		if strings.HasPrefix(server, "https:") {
			now, err := p.connector.ControllersTLS(trust.New(p.Env.Now))
			if err != nil {
				return []Finding{skipped(checkReach, about, "the authority of the controllers cannot be read")}
			}
			secure = now()
		}
		key := fmt.Sprintf("xml_service.servers[%d]", i)
		a := p.question(ctx, target{about: about, url: server, key: key, tls: secure, name: hostOf(server), ca: authority("xml_service.ca_file", p.connector.XMLService.CAFile, p.tls.CAFile)})
		if f, answered := a.reached(); !answered {
			return []Finding{f}
		}
		return append(a.clock(), fine(checkReach, about, "%s: it answers", a.where()))
	}
}

// connectorOf looks at a connector from a desktop.
func (p *patient) connectorOf(i, j int, address string) look {
	about := "connector " + address
	p.reached = append(p.reached, about)
	return func(ctx context.Context) []Finding {
		a, err := p.healthz(ctx, target{about: about, key: fmt.Sprintf("connectors[%d][%d]", i, j), url: address})
		if err != nil {
			return []Finding{skipped(checkReach, about, "our own certificate cannot be used, or is not there yet")}
		}
		return a.alive()
	}
}

// directories looks at the servers that know the users, and the one that holds the name
// in DNS, as far as a connection shows.
func (p *patient) directories() []look {
	var looks []look
	for i, l := range p.connector.Credentials.LDAP {
		for j, server := range l.Servers {
			looks = append(looks, p.connects("directory "+server, fmt.Sprintf("credentials.ldap[%d].servers[%d]", i, j), server))
		}
	}
	return looks
}

// connects tries a TCP connection.
func (p *patient) connects(about, key, address string) look {
	return func(ctx context.Context) []Finding {
		ctx, cancel := context.WithTimeout(ctx, p.Patience)
		defer cancel()
		a := answer{target: target{about: about, url: address, key: key}, took: p.Patience}
		conn, err := p.Env.Dial(ctx, "tcp", hostOf(address)+":"+portOf(address))
		if err == nil {
			err = conn.Close()
		}
		a.err = err
		if f, answered := a.reached(); !answered {
			return []Finding{f}
		}
		return []Finding{fine(checkReach, about, "%s: it takes connections", a.where())}
	}
}
