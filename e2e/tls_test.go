//go:build linux

package e2e_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"understudy/site"
	"understudy/trust"
	"understudy/wire"
	"understudy/zone"
)

// listeners are all that speak TLS, by what they are for.
func (s *secured) listeners() map[string]string {
	cc01 := s.zone[0]
	return map[string]string{
		"cloud broker": s.cloud.name + ":7443", "client": cc01.name + ":7480", "peer": cc01.name + ":7489",
		"desktop": s.desktops[0].name + ":7485",
	}
}

// client is an HTTP client on the StoreFront's host that shows the identity, or
// nothing.
func (s *secured) client(id *identity) *http.Client {
	s.t.Helper()
	config := s.zoneCA.Client(s.ids[frontName])
	config.RootCAs.AddCert(s.cloudCA.cert)
	config.Certificates = nil
	if id != nil {
		pair, err := tls.LoadX509KeyPair(id.CertFile, id.KeyFile)
		if err != nil {
			s.t.Fatal(err)
		}
		// The server's list of authorities does not matter: it is shown always.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport := &http.Transport{DialContext: s.front.dial, TLSClientConfig: config}
	s.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// TestTLS runs a zone with TLS from files through an outage: "TLS 1.3 on every
// listener and client, mutual on peer and for VDAs, the certificate's DNS name
// being the FQDN."
func TestTLS(t *testing.T) {
	t.Parallel()
	s := newSecuredStand(t, 3)
	key := s.write("front.key", "a-key-that-a-gateway-shows\n")
	s.write("front.keys", "gateway "+trust.HashOf("a-key-that-a-gateway-shows").String()+"\n")
	for _, c := range s.zone {
		c.more = "storefront_keys_file: front.keys"
	}
	s.up()

	first := s.launches("alice", "desktop:office")
	s.frontFlags = []string{"--ca-file", s.zoneCA.File, "--key-file", key}
	if again := s.launches("alice", "desktop:office"); again.Session != first.Session {
		t.Errorf("with a key from a file alice got session %s, want %s again", again.Session, first.Session)
	}
	t.Run("old and plain", s.testOldAndPlain)
	t.Run("front ends", s.testFrontEnds)
	t.Run("desktops", s.testDesktops)
	// These restart processes, which end with the test that started them.
	s.tryWrongCloudAuthority(t)
	s.tryWrongPeer(t)
	s.tryOutage(t)
}

// testOldAndPlain: no listener speaks TLS 1.2, or serves plain HTTP; those for
// peers and of desktops serve nobody who shows no certificate.
func (s *secured) testOldAndPlain(t *testing.T) {
	mutual := map[string]bool{"peer": true, "desktop": true}
	for name, address := range s.listeners() {
		t.Run(name, func(t *testing.T) {
			old := s.client(nil)
			config := old.Transport.(*http.Transport).TLSClientConfig
			config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			_, err := ask(t, old, "GET", "https://"+address+"/healthz", "")
			if err == nil || !strings.Contains(err.Error(), "protocol version not supported") {
				t.Errorf("TLS 1.2 got %v, want it refused", err)
			}
			if a, err := ask(t, s.client(nil), "GET", "http://"+address+"/healthz", ""); err == nil && a.Status != http.StatusBadRequest {
				t.Errorf("plain HTTP got %d %s, want it refused", a.Status, a.Body)
			}
			a, err := ask(t, s.client(nil), "GET", "https://"+address+"/healthz", "")
			if mutual[name] != (err != nil) {
				t.Errorf("without a certificate got %d and %v, want it refused: %t", a.Status, err, mutual[name])
			}
			stranger := newAuthority(t).Issue(frontName)
			if a, err := ask(t, s.client(&stranger), "GET", "https://"+address+"/healthz", ""); err == nil && name != "cloud broker" {
				t.Errorf("with a certificate of another authority got %d, want it refused", a.Status)
			}
		})
	}
}

// testFrontEnds: "StoreFront clients show a certificate or a key from a file."
func (s *secured) testFrontEnds(t *testing.T) {
	id, unnamed, desktop := s.ids[frontName], s.zoneCA.Issue("anybody.example.test"), s.ids["ws001.example.test"]
	cases := []struct {
		name string
		id   *identity
		key  string
		want int
	}{
		{"certificate", &id, "", http.StatusOK},
		{"key", nil, "a-key-that-a-gateway-shows", http.StatusOK},
		{"certificate that front_ends does not name", &unnamed, "", http.StatusUnauthorized},
		{"a desktop's certificate", &desktop, "", http.StatusUnauthorized},
		{"neither", nil, "", http.StatusUnauthorized},
		{"wrong key", nil, "a-key-that-a-gateway-show", http.StatusUnauthorized},
		{"the cloud's token", nil, "connectors-of-berlin-0001", http.StatusUnauthorized},
	}
	base := s.zone[0].url(7480) + "/storefront/v1/"
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client, header := s.client(c.id), []string{}
			if c.key != "" {
				header = []string{"Authorization", "Bearer " + c.key}
			}
			for _, q := range [][3]string{
				{"GET", "heartbeat"}, {"POST", "resources", `{"user":"alice"}`}, {"POST", "sessions?dry_run=true", `{"user":"alice","resource":"desktop:office"}`},
			} {
				a, err := ask(t, client, q[0], base+q[1], q[2], header...)
				if err != nil || a.Status/100 != c.want/100 || c.want == http.StatusUnauthorized && a.Problem.Code != wire.CodeUnauthorized {
					t.Errorf("%s got %d %s (%v), want %d", q[1], a.Status, a.Body, err, c.want)
				}
			}
		})
	}
}

// testDesktops: "the certificate's DNS name is the FQDN; a VDA may register only
// that machine", at its own name.
func (s *secured) testDesktops(t *testing.T) {
	ws001, ws002 := s.ids["ws001.example.test"], s.ids["ws002.example.test"]
	const machine, elsewhere = "ws001.example.test", "https://ws002.example.test:7485"
	cases := []struct {
		name     string
		id       *identity
		machine  string
		callback string
	}{
		{"another machine's certificate", &ws002, machine, "https://ws001.example.test:7485"},
		{"no certificate", nil, machine, "https://ws001.example.test:7485"},
		{"callback at another machine", &ws001, machine, elsewhere},
		{"callback at an address", &ws001, machine, "https://10.77.0.3:7485"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"machine":%q,"zone":"berlin","protocol":"1.0","callback":%q,"capacity":1,"sessions":[]}`, c.machine, c.callback)
			a, err := ask(t, s.client(c.id), "POST", s.zone[0].url(7480)+"/vda/v1/registrations", body)
			if err != nil || a.Status != http.StatusForbidden || a.Problem.Code != wire.CodeForbidden {
				t.Errorf("got %d %s (%v), want 403 %s", a.Status, a.Body, err, wire.CodeForbidden)
			}
		})
	}
}

// tryWrongCloudAuthority: a connector that does not trust the cloud broker's
// certificate says so, and goes through a peer that does (NEW-03).
func (s *secured) tryWrongCloudAuthority(t *testing.T) {
	t.Helper()
	last := s.zone[2]
	good := last.cloud
	last.Stop(step)
	last.cloud = fmt.Sprintf(", ca_file: %q", s.zoneCA.File)
	last.start()
	last.admin().Shows(step, "a way through a peer, and why", func(v wire.Status) error {
		if v.Health.Via == "" || !strings.Contains(v.Health.Reason, "certificate signed by unknown authority") {
			return fmt.Errorf("health %+v, sync %+v", v.Health, v.Sync)
		}
		return nil
	})
	s.zone[0].admin().Reaches(step, zone.Normal) // one alone opens no outage
	last.Stop(step)
	last.cloud = good
	last.start()
	s.isNormal()
}

// tryWrongPeer: a connector whose certificate has another name is no peer, as a
// server or as a client.
func (s *secured) tryWrongPeer(t *testing.T) {
	t.Helper()
	last := s.zone[2]
	good := last.guard
	last.Stop(step)
	last.guard = s.guard(s.zoneCA.Issue("cc09.example.test"))
	last.start()
	last.Says(step, `"event":"started"`)
	for _, c := range s.zone[:2] {
		s.seesPeer(t, c, last, func(p wire.PeerStatus) error {
			if p.Heard || !strings.Contains(p.Reason, "cc09.example.test") {
				return fmt.Errorf("heard %t: %s", p.Heard, p.Reason)
			}
			return nil
		})
	}
	wrong := s.ids["ws001.example.test"]
	for _, path := range []string{"/peer/v1/facts", "/peer/v1/outage"} {
		a, err := ask(t, s.client(&wrong), "POST", s.zone[0].url(7489)+path, `{"action":"force","reason":"not a peer"}`,
			wire.HeaderConnector, "cc02.example.test", wire.HeaderZone, "berlin")
		if err != nil || a.Status != http.StatusForbidden || a.Problem.Code != wire.CodeNotInZone {
			t.Errorf("%s: a desktop's certificate got %d %s (%v), want 403 %s", path, a.Status, a.Body, err, wire.CodeNotInZone)
		}
	}
	last.Stop(step)
	last.guard = good
	last.start()
	s.isNormal()
	s.seesPeer(t, s.zone[0], last, func(p wire.PeerStatus) error {
		if !p.Heard {
			return errors.New(p.Reason)
		}
		return nil
	})
}

// seesPeer waits until what a connector says of a peer fits.
func (s *secured) seesPeer(t *testing.T, c, peer *unit, fits func(wire.PeerStatus) error) {
	t.Helper()
	eventually(t, step, c.name+" sees the peer "+peer.name, func() error {
		list, err := c.admin().client().Peers(t.Context())
		if err != nil {
			return err
		}
		for _, p := range list.Items {
			if p.FQDN == site.FQDN(peer.name) {
				return fits(p)
			}
		}
		return fmt.Errorf("it is not in %+v", list.Items)
	})
}

// tryOutage: LHC-20 … LHC-24 and LHC-30 over TLS: outage, launch, kill -9
// of the elected connector, launch, recovery.
func (s *secured) tryOutage(t *testing.T) {
	t.Helper()
	cc := s.zone
	s.cloud.Kill()
	for _, c := range cc {
		c.admin().Reaches(turn, zone.InitialHA)
		c.admin().Elects(step, "cc01.example.test")
	}
	first := s.launches("alice", "desktop:office")
	s.refusesInOutage(t)
	cc[0].Kill()
	for _, c := range cc[1:] {
		c.admin().Elects(step, "cc02.example.test")
	}
	if again := s.launches("alice", "desktop:office"); !again.Reconnected || again.Session != first.Session {
		t.Errorf("got session %s, reconnected %t; want %s again after the elected one was killed", again.Session, again.Reconnected, first.Session)
	}
	cc[0].start()
	cc[0].admin().Elects(turn, "cc01.example.test")
	s.cloud.start()
	s.isNormal()
	s.launches("alice", "desktop:office")
}

// refusesInOutage: the secondary broker trusts no more than the relay does.
func (s *secured) refusesInOutage(t *testing.T) {
	t.Helper()
	t.Run("desktops in the outage", s.testDesktops)
	a, err := ask(t, s.client(nil), "POST", s.zone[0].url(7480)+"/storefront/v1/resources", `{"user":"alice"}`)
	if err != nil || a.Status != http.StatusUnauthorized {
		t.Errorf("without certificate and key got %d %s (%v), want 401", a.Status, a.Body, err)
	}
}

// TestClientsRefuseOldTLS: a server that offers no TLS 1.3 is no cloud broker and
// no connector.
func TestClientsRefuseOldTLS(t *testing.T) {
	ca := newAuthority(t)
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = ca.Client(ca.Issue("old.example.test", "127.0.0.1"))
	server.TLS.MinVersion, server.TLS.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	server.StartTLS()
	defer server.Close()
	token := newStand(t)
	for _, args := range [][]string{
		{"site", "apply", "../examples/zone/site.yaml", "--cloud", server.URL, "--token-file", filepath.Join(token.dir, "admin.token")},
		{"storefront", "resources", "alice", "--connectors", server.URL},
	} {
		r := understudy(t, append(args, "--ca-file", ca.File)...)
		if r.Code == 0 || !strings.Contains(r.Stderr, "protocol version") {
			t.Errorf("%v: got exit %d: %s; want TLS 1.2 refused", args[:2], r.Code, r.Stderr)
		}
	}
}
