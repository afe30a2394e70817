//go:build linux

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"understudy/wire"
)

// fewFiles is how many file descriptors a connector may have that a crowd is to
// use up.
const fewFiles = 128

// startWith runs the player with so many file descriptors and no more.
func (c *cast) startWith(p *player, files int) {
	c.t.Helper()
	c.write(p.name+".yaml", c.connectorFile(p))
	p.process = c.runWith(files, p.name, "connector", p.name+".yaml")
}

func (c *cast) runWith(files int, name, kind, file string) *process {
	c.t.Helper()
	needTool(c.t, "prlimit", "util-linux")
	return start(c.t, command{
		Name: name, Path: "prlimit", Dir: c.dir,
		Args: []string{fmt.Sprintf("--nofile=%d:%d", files, files), binary(c.t), kind, "--config", file},
	})
}

// crowd opens connections that ask nothing, until the test closes them.
func crowd(t testing.TB, address string, size int) (leave func()) {
	t.Helper()
	var open []net.Conn
	leave = func() {
		for _, c := range open {
			c.Close()
		}
		open = nil
	}
	t.Cleanup(leave)
	for range size {
		c, err := net.Dial("tcp", address)
		must(t, err)
		open = append(open, c)
	}
	return leave
}

// LHC-20, LHC-30: clients that use up the connections of a connector starve
// neither its peers nor its operator, its syncs, or the next client; an event says
// once what is wrong.
func TestCrowdOfClients(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	first := c.players[0]
	c.startCloud()
	c.publish()
	c.startWith(first, fewFiles)
	c.start(c.players[1:]...)
	c.openStarted()
	term := first.Reaches(act, "Normal").Term

	for range 3 {
		leave := crowd(t, first.at(clientPort), 2*fewFiles)
		c.usable(first, term)
		leave()
	}
	leave := crowd(t, first.at(clientPort), 2*fewFiles)
	c.outage()
	c.served(act, "bob", "desktop:pool")
	leave()
	c.startCloud()
	c.recovered()
	if n := strings.Count(first.process.Log(), `"event":"connections_full"`); n != 1 {
		t.Errorf("connections_full was told %d times, want once", n)
	}
}

// usable fails the test unless the crowded connector still answers everybody.
func (c *cast) usable(p *player, term uint64) {
	c.t.Helper()
	version := c.siteVersion(p)
	c.write("site.yaml", strings.Replace(c.siteFile(), "Pooled desktop", "Desktop of "+version.String(), 1))
	c.publish()
	p.Shows(act, "the new site, and that it hears its peers", func(s wire.Status) error {
		if s.Snapshot.Version == version || s.Term != term || s.Election.Elected != "cc01.example.test" || !s.Health.Healthy {
			return fmt.Errorf("term %d, elected %q, health %q, sync %+v", s.Term, s.Election.Elected, s.Health.Reason, s.Sync)
		}
		return nil
	})
	a, err := ask(c.t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, http.MethodPost,
		p.url(clientPort)+"/storefront/v1/resources", `{"user":"bob"}`, "Content-Type", "application/json")
	if err != nil || a.Status != http.StatusOK {
		c.t.Errorf("in the crowd bob got %d %s (%v), want his resources", a.Status, a.Body, err)
	}
	if log := p.process.Log(); strings.Contains(log, `"event":"peer_lost"`) {
		c.t.Error("the connector lost its peers in the crowd")
	}
}

// A crowd at the port of the peers is bounded too: peers that come later get in.
func TestCrowdAtThePeerPort(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:2]
	c.write("site.yaml", c.siteFile())
	first, second := c.players[0], c.players[1]
	c.startCloud()
	c.publish()
	c.startWith(first, fewFiles)
	c.start(second)
	c.openStarted()
	crowd(t, first.at(peerPort), 2*fewFiles)
	first.process.Says(act, "the peer listener: ")
	c.kill(second)
	c.start(second)
	for _, p := range c.players {
		p.Shows(act, "the other one", func(s wire.Status) error {
			peers, err := p.client().Peers(t.Context())
			if err != nil || len(peers.Items) != 2 || peers.Items[1].Link != "up" {
				return fmt.Errorf("%+v, %w", peers.Items, err)
			}
			return nil
		})
	}
	c.outage()
	c.served(act, "bob", "desktop:pool")
}

// A crowd at a cloud broker or at a desktop host keeps nobody out either: the zone
// stays in Normal, and users get desktops.
func TestCrowdAtTheOtherListeners(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	first := c.players[0]
	c.cloud = c.runWith(fewFiles, "cloud", "cloud", "cloud.yaml")
	c.publish()
	c.start()
	c.openOne()
	c.host.Kill()
	c.host = c.runWith(fewFiles, "desktops", "desktop", "desktops.yaml")
	c.served(act, "alice", "desktop:office")

	crowd(t, c.cloudAt, 2*fewFiles)
	crowd(t, c.hostAt, 2*fewFiles)
	c.cloud.Says(act, `"event":"connections_full"`)
	c.host.Says(act, "as many as one source may have")
	c.served(act, "bob", "desktop:pool")
	c.usable(first, first.Reaches(act, "Normal").Term)
	if got := first.states(); len(got) != 1 {
		t.Errorf("%s went through %v, want Normal only", first.name, got)
	}
}

// Half-open connections cost a bounded amount of memory, and end by themselves.
func TestMemoryOfHalfOpenConnections(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:1]
	first := c.players[0]
	c.startCloud()
	c.publish()
	c.start()
	c.openOne()
	before := resident(t, first.process)
	const size = 4000
	var open []net.Conn
	for range size {
		conn, err := net.Dial("tcp", first.at(clientPort))
		must(t, err)
		defer conn.Close()
		_, err = conn.Write([]byte("POST /storefront/v1/sessions HTTP/1.1\r\nHost: x\r\n"))
		must(t, err)
		open = append(open, conn)
	}
	c.served(act, "bob", "desktop:pool")
	grown := resident(t, first.process) - before
	t.Logf("%d half-open connections: %d MB more, from %d MB", size, grown>>20, before>>20)
	if grown > 100<<20 {
		t.Errorf("%d half-open connections took %d MB", size, grown>>20)
	}
	must(t, open[0].SetReadDeadline(time.Now().Add(act)))
	if _, err := io.Copy(io.Discard, open[0]); err != nil {
		t.Errorf("the first half-open connection: %v, want its end", err)
	}
}

// resident is how much memory a process has.
func resident(t testing.TB, p *process) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	must(t, err)
	pages, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	must(t, err)
	return pages * int64(os.Getpagesize())
}
