//go:build linux

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"understudy/wire"
)

const (
	sharedName    = "berlin.example.test"
	sharedAddress = "10.77.0.200"
)

// sharing is a zone whose clients know one address, which keepalived moves.
type sharing struct {
	*netCast
	keepers map[*unit]*process
	client  *http.Client // knows the shared address alone
}

func newSharing(t *testing.T) *sharing {
	t.Helper()
	needRoot(t)
	needTool(t, "keepalived", "keepalived")
	needTool(t, "curl", "curl")
	s := &sharing{netCast: newNetCast(t, 3), keepers: map[*unit]*process{}}
	for _, k := range s.zone {
		k.guard = s.guard(s.zoneCA.Issue(k.name, sharedName))
		k.ip = "0.0.0.0"
	}
	s.client = s.clientOf(net.JoinHostPort(sharedAddress, fmt.Sprint(standClient)))
	s.open()
	for _, k := range s.zone {
		s.keep(k)
	}
	return s
}

// clientOf is a client on the StoreFront's host that takes one address for every name,
// and connects anew for each request.
func (c *netCast) clientOf(address string) *http.Client {
	c.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: c.zoneCA.Client(c.ids[frontName]), DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return c.front.dial(ctx, network, address)
		},
	}
	return &http.Client{Transport: transport, Timeout: step}
}

// keep runs keepalived beside a connector, from the example as it is shipped.
func (s *sharing) keep(k *unit) {
	s.t.Helper()
	example, err := filepath.Abs("../examples/keepalived/understudy.conf")
	if err != nil {
		s.t.Fatal(err)
	}
	file := s.write("keepalived-"+k.name+".conf", strings.Join([]string{
		"$ADDRESS=" + sharedAddress + "/24", "$INTERFACE=eth0", "$ROUTER_ID=48", "$CONNECTOR=" + k.url(standClient),
		"$CA_FILE=" + s.zoneCA.File, "$SCRIPT_USER=root", "include " + example, "",
	}, "\n"))
	pid := filepath.Join(s.dir, "keepalived-"+k.name)
	path, err := exec.LookPath("keepalived")
	if err != nil {
		s.t.Fatal(err)
	}
	p := start(s.t, command{
		Name: "keepalived-" + k.name, Path: path, Host: k.host,
		Args: []string{"--vrrp", "--dont-fork", "--log-console", "--use-file", file, "--pid", pid + ".pid", "--vrrp_pid", pid + ".vrrp"},
	})
	s.keepers[k] = p
	s.t.Cleanup(func() {
		if p.Running() {
			p.Stop(step)
		}
	})
}

// leads waits until the shared address leads to one of the connectors, and says how it is
// there.
func (s *sharing) leads(to ...*unit) wire.FrontHeartbeat {
	s.t.Helper()
	var beat wire.FrontHeartbeat
	eventually(s.t, turn, "the shared address leads to "+to[0].name, func() error {
		a, err := ask(s.t, s.client, "GET", "https://"+sharedName+":7480/storefront/v1/heartbeat", "")
		if err != nil {
			return err
		}
		if a.Status != http.StatusOK {
			return fmt.Errorf("%d %s", a.Status, a.Body)
		}
		if err := json.Unmarshal([]byte(a.Body), &beat); err != nil {
			return err
		}
		if !slices.Contains(to, s.unitOf(beat.Connector)) {
			return fmt.Errorf("it leads to %s", beat.Connector)
		}
		return nil
	})
	return beat
}

// launched is a session that a client of the shared address gets, at the first request.
func (s *sharing) launched(user, resource string) wire.LaunchAnswer {
	s.t.Helper()
	return launchBy(s.t, s.client, sharedName, user, resource)
}

// launchBy asks once, and wants a session.
func launchBy(t testing.TB, client *http.Client, name, user, resource string) wire.LaunchAnswer {
	t.Helper()
	body, err := json.Marshal(wire.LaunchRequest{User: user, Resource: resource})
	if err != nil {
		t.Fatal(err)
	}
	a, err := ask(t, client, "POST", "https://"+name+":7480/storefront/v1/sessions", string(body), "Content-Type", "application/json")
	var answer wire.LaunchAnswer
	if err != nil || a.Status/100 != 2 || json.Unmarshal([]byte(a.Body), &answer) != nil {
		t.Fatalf("%s launches %s by %s: got %d %s, %v", user, resource, name, a.Status, a.Body, err)
	}
	return answer
}

// REP-03: "A shared address: clients keep one address through a failover." The real
// keepalived, with the example as it is shipped, moves it with the office: at a kill and
// a return in Normal, at a drain, a stop and a kill in an outage, and after its own
// death.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	s := newSharing(t)
	one, two := s.zone[0], s.zone[1]
	s.leads(one)
	alice := s.launched("alice", "desktop:office")
	one.Kill()
	s.leads(two)
	s.stays(alice, "alice", "desktop:office")
	one.start()
	s.leads(one)
	s.isNormal()
	s.registered("example")

	s.outage(func() {
		if beat := s.leads(one); !beat.Serving {
			t.Errorf("in an outage the address leads to %+v, want who serves", beat)
		}
		s.stays(alice, "alice", "desktop:office")
		s.election(one, "drain")
		s.follows(two, alice)
		s.election(one, "undrain")
		s.follows(one, alice)
		one.Kill()
		s.follows(two, alice)
		one.start()
		s.follows(one, alice)
	})

	s.keepers[one].Kill()
	s.leads(two, s.zone[2]) // in Normal any connector will do
}

// follows waits until the address leads to who serves, and wants the session there.
func (s *sharing) follows(to *unit, l wire.LaunchAnswer) {
	s.t.Helper()
	s.serves(to, slices.DeleteFunc(slices.Clone(s.zone), func(k *unit) bool { return !k.Running() })...)
	s.leads(to)
	s.stays(l, "alice", "desktop:office")
}

// stays wants the session again (LHC-37).
func (s *sharing) stays(l wire.LaunchAnswer, user, resource string) {
	s.t.Helper()
	if again := s.launched(user, resource); !again.Reconnected || again.Session != l.Session {
		s.t.Errorf("got session %s (reconnected: %v), want %s again", again.Session, again.Reconnected, l.Session)
	}
}
