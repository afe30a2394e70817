//go:build linux

package bench_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/load"
	"understudy/site"
	"understudy/trust"
)

// measureCallInTLS is the beginning of an outage with mutual TLS: each desktop has a
// certificate and connections of its own, and so two handshakes to come.
func measureCallInTLS(l *lab) {
	desktops := *options.desktops
	name, limit := fmt.Sprintf("call-in with mutual TLS, %d desktops: 95 %% registered after InitialHA begins", desktops), noMoreThan(100, "s")
	if os.Geteuid() != 0 {
		l.table.missing(name, reference, "needs root: the connectors look the desktops up in a hosts file of their own", limit)
		return
	}
	s := l.newSecureStand(3, desktops)
	ctx, cancel := context.WithTimeout(l.ctx, 5*time.Minute)
	defer cancel()
	progress := &follower{}
	o := s.load(desktops, progress)
	o.OnEpoch = func(e load.Epoch) {
		switch e.Stage {
		case load.ByCloud:
			go progress.reach(ctx, desktops, 90*time.Second, s.cloud.kill)
		case load.ByConnector:
			go progress.reach(ctx, desktops*96/100, 2*time.Minute, cancel)
		}
	}
	t := timesOf(need(need(load.New(ctx, o)).Run(ctx)), time.Time{}, time.Time{}, time.Time{})
	if math.IsNaN(t.registered) {
		l.table.missing(name, reference, "not reached within 2 minutes", limit)
		return
	}
	l.table.add(row{Name: name, Value: t.registered, Unit: "s", Against: reference}, limit)
}

// load are desktops that have certificates.
func (s *secure) load(desktops int, progress *follower) load.Options {
	o := load.Options{
		Env: s.env(), Zone: "berlin", Rate: 1, Think: 10 * time.Second, Ramp: 15 * time.Second, Seed: 1, Progress: progress, Every: time.Second, KeepLeases: true,
		Listen: s.desktopIP + ":7485", Key: secureKey, TLS: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.ca.pool}, Users: []string{userName(0)},
		Identity: func(name site.FQDN) *tls.Certificate { return s.desktops[name] },
	}
	for _, h := range s.zone {
		o.Connectors = append(o.Connectors, "https://"+string(h.name)+":7480")
	}
	for i := range desktops {
		o.Machines = append(o.Machines, load.Machine{Name: machineName(i), Capacity: 20})
	}
	return o
}

const secureKey = "a-key-that-the-front-of-the-bench-shows"

// secure is a stand with TLS, in which everybody has a name.
type secure struct {
	*stand
	ca        *authority
	desktopIP string
	desktops  map[site.FQDN]*tls.Certificate
	ips       map[string]string
	hosts     string
}

func (l *lab) newSecureStand(connectors, desktops int) *secure {
	s := &secure{stand: &stand{l: l, dir: l.folder()}, ca: newAuthority(), desktopIP: l.loopback(), desktops: map[site.FQDN]*tls.Certificate{}, ips: map[string]string{}}
	s.write("tokens", "zone connector connectors-of-the-bench-0001\nadmin admin administrator-of-the-bench-0001\n")
	s.write("connector.token", "connectors-of-the-bench-0001\n")
	s.write("front.keys", "bench "+trust.HashOf(secureKey).String()+"\n")
	s.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.cert.Raw})))
	s.cloud = &host{kind: "cloud", ip: l.loopback(), name: "cloud.bench.test"}
	var list []site.Connector
	for i := range connectors {
		h := &host{kind: "connector", ip: l.loopback(), name: site.FQDN(fmt.Sprintf("cc%02d.bench.test", i+1))}
		s.zone = append(s.zone, h)
		list = append(list, site.Connector{FQDN: h.name, Zone: "berlin", ClientURL: "https://" + string(h.name) + ":7480", PeerURL: "https://" + string(h.name) + ":7489"})
	}
	var text strings.Builder
	text.WriteString("127.0.0.1 localhost\n")
	for _, h := range append([]*host{s.cloud}, s.zone...) {
		s.ips[string(h.name)] = h.ip
		fmt.Fprintf(&text, "%s %s\n", h.ip, h.name)
		s.file(h)
	}
	for i := range desktops {
		name := machineName(i)
		fmt.Fprintf(&text, "%s %s\n", s.desktopIP, name)
		s.desktops[name] = s.ca.issue(string(name))
	}
	s.hosts = s.write("hosts", text.String())
	s.beginNamed(s.cloud)
	listens(s.cloud.ip+":7443", s.cloud.proc)
	all := bigSite(desktops, list...)
	all.Zones[0].Settings = site.Settings{
		HealthInterval: site.Duration(2 * time.Second), Detection: site.Duration(5 * time.Second), InitialHA: site.Duration(2 * time.Minute), Deadline: site.Duration(2 * time.Second),
	}
	c := need(cloud.New(cloud.Options{
		Env: s.env(), URL: "https://cloud.bench.test:7443", Site: "bench", Token: env.Always("administrator-of-the-bench-0001"), Timeout: time.Minute,
		TLS: env.Fixed(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.ca.pool}),
	}))
	defer c.Close()
	need(c.PutSite(l.ctx, all, site.Version{}))
	for _, h := range s.zone {
		s.beginNamed(h)
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: s.env().Transport(env.Fixed(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.ca.pool}))}
	for _, h := range s.zone {
		until(string(h.name)+" is ready", 3*time.Minute, func() bool {
			resp, err := client.Get("https://" + string(h.name) + ":7480/readyz")
			if err != nil {
				return false
			}
			return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
		})
	}
	return s
}

// file writes a process's configuration and certificate.
func (s *secure) file(h *host) {
	own := s.ca.issue(string(h.name))
	s.write(string(h.name)+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
	s.write(string(h.name)+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: need(x509.MarshalPKCS8PrivateKey(own.PrivateKey))})))
	text := fmt.Sprintf("site: bench\ndata: %s\nlog: {level: warn}\ntls: {cert_file: %s.pem, key_file: %s.key, ca_file: ca.pem}\n", h.name, h.name, h.name)
	if h.kind == "cloud" {
		text += fmt.Sprintf("listen: %s:7443\ntokens_file: tokens\n", h.ip)
	} else {
		text += fmt.Sprintf("fqdn: %s\nzone: berlin\ncloud: {url: \"https://cloud.bench.test:7443\", token_file: connector.token, ca_file: ca.pem}\nstorefront_keys_file: front.keys\n"+
			"listen: {client: \"%s:7480\", peer: \"%s:7489\", admin: \"unix:%s.sock\"}\npeers:\n", h.name, h.ip, h.ip, h.name)
		for _, p := range s.zone {
			text += fmt.Sprintf("  - {fqdn: %s, client_url: \"https://%s:7480\", peer_url: \"https://%s:7489\"}\n", p.name, p.name, p.name)
		}
	}
	h.file = s.write(string(h.name)+".yaml", text)
}

// beginNamed starts a process that sees the stand's hosts file.
func (s *secure) beginNamed(h *host) {
	h.proc = s.l.start(nil, need(exec.LookPath("unshare")), "--mount", "--propagation", "private", "sh", "-c",
		`mount --bind "$0" /etc/hosts && exec "$@"`, s.hosts, s.l.bin, h.kind, "--config", filepath.Join(s.dir, string(h.name)+".yaml"))
}

// env finds everybody by name.
func (s *secure) env() env.Env {
	e := env.Real()
	dial := e.Dial
	e.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		name, port, err := net.SplitHostPort(address)
		if ip := s.ips[name]; ip != "" && err == nil {
			address = net.JoinHostPort(ip, port)
		}
		return dial(ctx, network, address)
	}
	return e
}

// authority is a certificate authority that lives as long as its run.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
	next int64
}

func newAuthority() *authority {
	a := &authority{key: need(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), pool: x509.NewCertPool()}
	t := a.template("authority of the bench")
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	a.cert = need(x509.ParseCertificate(need(x509.CreateCertificate(rand.Reader, t, t, a.key.Public(), a.key))))
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) template(name string) *x509.Certificate {
	a.next++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
}

// issue makes a certificate for a server and client of that name.
func (a *authority) issue(name string) *tls.Certificate {
	t := a.template(name)
	t.DNSNames, t.KeyUsage = []string{name}, x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	key := need(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	der := need(x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key))
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
