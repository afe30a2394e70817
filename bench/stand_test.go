//go:build linux

package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// stand is one zone of real processes on loopback addresses.
type stand struct {
	l      *lab
	dir    string
	cloud  *host
	zone   []*host
	client *http.Client
}

// host is one process with its file.
type host struct {
	*proc
	kind, file, ip, dir string
	name                site.FQDN
}

// newStand starts a cloud broker and connectors of the site that make returns, and
// waits until all have it.
func (l *lab) newStand(connectors int, make func(...site.Connector) *site.Site) *stand {
	s := &stand{l: l, dir: l.folder(), client: &http.Client{Timeout: 5 * time.Second}}
	s.write("tokens", "zone connector connectors-of-the-bench-0001\nadmin admin administrator-of-the-bench-0001\n")
	s.write("connector.token", "connectors-of-the-bench-0001\n")
	s.cloud = &host{kind: "cloud", ip: l.loopback(), name: "cloud"}
	s.cloud.file = s.write("cloud.yaml", fmt.Sprintf("site: bench\ndata: %s/cloud\nlisten: %s:7443\ninsecure: true\ntokens_file: %s/tokens\nlog: {level: warn}\n", s.dir, s.cloud.ip, s.dir))
	var list []site.Connector
	for i := range connectors {
		h := &host{kind: "connector", ip: l.loopback(), name: site.FQDN(fmt.Sprintf("cc%02d.bench.test", i+1))}
		h.dir = filepath.Join(s.dir, string(h.name))
		s.zone = append(s.zone, h)
		list = append(list, site.Connector{FQDN: h.name, Zone: "berlin", ClientURL: "http://" + h.ip + ":7480", PeerURL: "http://" + h.ip + ":7489"})
	}
	s.files(list)
	s.begin(s.cloud)
	listens(s.cloud.ip+":7443", s.cloud.proc)
	s.publish(make(list...))
	for _, h := range s.zone {
		s.begin(h)
	}
	for _, h := range s.zone {
		listens(clientAddress(h), h.proc)
		until(string(h.name)+" is ready", 3*time.Minute, func() bool { return s.get(h, "/readyz") == http.StatusOK })
	}
	return s
}

func (s *stand) write(name, text string) string {
	path := filepath.Join(s.dir, name)
	must(os.WriteFile(path, []byte(text), 0o600))
	return path
}

// files writes each connector's configuration.
func (s *stand) files(list []site.Connector) {
	lines := make([]string, 0, len(list))
	for _, c := range list {
		lines = append(lines, fmt.Sprintf("{fqdn: %s, client_url: %q, peer_url: %q}", c.FQDN, c.ClientURL, c.PeerURL))
	}
	peers := "[" + strings.Join(lines, ", ") + "]"
	for _, h := range s.zone {
		h.file = s.write(string(h.name)+".yaml", fmt.Sprintf(
			"site: bench\nfqdn: %s\nzone: berlin\ndata: %s\ncloud: {url: \"http://%s:7443\", token_file: %s/connector.token}\n"+
				"listen: {client: \"%s:7480\", peer: \"%s:7489\", admin: \"unix:%s/%s.sock\"}\ninsecure: true\nlog: {level: warn}\npeers: %s\n",
			h.name, h.dir, s.cloud.ip, s.dir, h.ip, h.ip, s.dir, h.name, peers))
	}
}

// begin starts a host's process.
func (s *stand) begin(h *host) {
	h.proc = s.l.start(nil, s.l.bin, h.kind, "--config", h.file)
}

// publish gives the cloud broker the site.
func (s *stand) publish(all *site.Site) {
	c := need(cloud.New(cloud.Options{Env: env.Real(), URL: "http://" + s.cloud.ip + ":7443", Site: "bench", Token: env.Always("administrator-of-the-bench-0001"), Timeout: time.Minute}))
	defer c.Close()
	need(c.PutSite(context.Background(), all, site.Version{}))
}

// get returns the status of an answer, 0 for none.
func (s *stand) get(h *host, path string) int {
	resp, err := s.client.Get("http://" + h.ip + ":7480" + path)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// serves reports whether a connector brokers by itself.
func (s *stand) serves(h *host) bool { return s.beat(h).Serving }

// beat is a connector's good answer to a StoreFront's heartbeat, or nothing.
func (s *stand) beat(h *host) wire.FrontHeartbeat {
	resp, err := s.client.Get("http://" + h.ip + ":7480/storefront/v1/heartbeat")
	if err != nil {
		return wire.FrontHeartbeat{}
	}
	defer resp.Body.Close()
	var beat wire.FrontHeartbeat
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&beat) != nil {
		return wire.FrontHeartbeat{}
	}
	return beat
}

// force pins the zone in HA mode and waits until the connector serves.
func (s *stand) force(h *host) {
	until("the zone can be forced", 20*time.Second, func() bool {
		return exec.Command(s.l.bin, "outage", "force", "--connector", "unix:"+s.dir+"/"+string(h.name)+".sock").Run() == nil
	})
	until(string(h.name)+" serves", 20*time.Second, func() bool { return s.serves(h) })
}

// accepting asks an address with one request until it accepts it, on a connection
// that is there before, and returns when it did.
func accepting(address string, request []byte, deadline time.Duration) time.Time {
	conn := need(net.Dial("tcp", address))
	defer conn.Close()
	r := bufio.NewReaderSize(conn, 16<<10)
	var at time.Time
	until(address+" accepts", deadline, func() bool {
		need(conn.Write(request))
		status, _, err := readAnswer(r)
		must(err)
		at = time.Now()
		return status/100 == 2
	})
	return at
}

// posts makes the requests of all bodies.
func posts(path string, bodies [][]byte) [][]byte {
	out := make([][]byte, len(bodies))
	for i, body := range bodies {
		out[i] = post(path, body)
	}
	return out
}

func clientAddress(h *host) string { return strings.TrimPrefix(h.ip+":7480", "http://") }
