//go:build linux

package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/storefront/client"
	"understudy/wire"
	"understudy/zone"
)

// act is how long one thing may take that the product does by itself.
const act = 30 * time.Second

// The ports of a cast; each test has them on addresses of its own. They are none
// of the defaults, which a process with no address in its file takes everywhere.
const (
	cloudPort   = 17443
	clientPort  = 17480
	desktopPort = 17485
	peerPort    = 17489
	adminPort   = 17490
)

// poolDesktops is how many of the desktops belong to the pooled group; the first
// desktop is alice's own.
const poolDesktops = 4

// cast is everybody of a zone, each as a process of its own: a cloud broker,
// three connectors and a host of simulated desktops, on addresses of this test.
type cast struct {
	t        testing.TB
	dir      string
	zone     string
	desktops int    // how many the host plays
	cloudAt  string // where the cloud broker listens
	cloudURL string // where the connectors look for it
	hostAt   string
	hostData string
	cloud    *process
	host     *process
	players  []*player
	front    *client.Client
	more     string // of the files of connectors
}

// player is one connector.
type player struct {
	*admin
	name, ip string
	process  *process
}

// newCast writes the files and starts nothing.
func newCast(t testing.TB) *cast {
	t.Helper()
	return castOf(t, poolDesktops+1, "cc01", "cc02", "cc03")
}

// castOf is newCast with that many desktops and those connectors.
func castOf(t testing.TB, desktops int, connectors ...string) *cast {
	t.Helper()
	c := &cast{t: t, dir: t.TempDir(), zone: "berlin", desktops: desktops, hostData: "desktops"}
	c.cloudAt = fmt.Sprintf("%s:%d", loopback(t, cloudPort), cloudPort)
	c.cloudURL = "http://" + c.cloudAt
	c.hostAt = fmt.Sprintf("%s:%d", loopback(t, desktopPort), desktopPort)
	c.join(connectors...)
	c.write("tokens", "zone connector connector-secret-0001\noperator admin operator-secret-0001\n")
	c.write("connector.token", "connector-secret-0001\n")
	c.write("operator.token", "operator-secret-0001\n")
	c.write("cloud.yaml", c.cloudFile("cloud"))
	c.write("site.yaml", c.siteFile())
	c.write("desktops.yaml", c.desktopsFile())
	return c
}

// join adds connectors.
func (c *cast) join(names ...string) {
	c.t.Helper()
	for _, name := range names {
		ip := loopback(c.t, clientPort, peerPort, adminPort)
		c.players = append(c.players, &player{
			name: name, ip: ip, admin: adminOf(c.t, fmt.Sprintf("http://%s:%d", ip, adminPort), filepath.Join(c.dir, name)),
		})
	}
}

func (p *player) fqdn() string        { return p.name + ".example.test" }
func (p *player) at(port int) string  { return fmt.Sprintf("%s:%d", p.ip, port) }
func (p *player) url(port int) string { return "http://" + p.at(port) }

func (c *cast) urls() []string {
	var out []string
	for _, p := range c.players {
		out = append(out, p.url(clientPort))
	}
	return out
}

// run starts one of the services from its file in the cast's folder.
func (c *cast) run(name, kind, file string) *process {
	c.t.Helper()
	return start(c.t, command{Name: name, Args: []string{kind, "--config", file}, Dir: c.dir})
}

func (c *cast) startCloud() { c.t.Helper(); c.cloud = c.run("cloud", "cloud", "cloud.yaml") }
func (c *cast) startHost()  { c.t.Helper(); c.host = c.run("desktops", "desktop", "desktops.yaml") }

// start runs connectors: those given, or all.
func (c *cast) start(players ...*player) {
	c.t.Helper()
	for _, p := range c.or(players) {
		c.write(p.name+".yaml", c.connectorFile(p))
		p.process = c.run(p.name, "connector", p.name+".yaml")
	}
}

// kill is kill -9 of connectors: those given, or all.
func (c *cast) kill(players ...*player) {
	c.t.Helper()
	for _, p := range c.or(players) {
		p.process.Kill()
	}
}

func (c *cast) or(players []*player) []*player {
	if len(players) == 0 {
		return c.players
	}
	return players
}

// publish gives the site to the cloud broker, as soon as that answers.
func (c *cast) publish() {
	c.t.Helper()
	eventually(c.t, act, "the site is published", func() error {
		r := execute(c.t, command{Name: "apply", Dir: c.dir, Args: []string{"site", "apply", "site.yaml", "--cloud", "http://" + c.cloudAt, "--token-file", "operator.token"}})
		if r.Code != 0 {
			return fmt.Errorf("exit code %d: %s", r.Code, r.Stderr)
		}
		return nil
	})
}

// ready starts everybody and waits until the zone could go through an outage: all
// have the site, all desktops are registered and a StoreFront has asked.
func ready(t testing.TB) *cast {
	t.Helper()
	c := newCast(t)
	c.startCloud()
	c.publish()
	c.open()
	return c
}

// open starts connectors and desktops, and waits as ready does.
func (c *cast) open() {
	c.t.Helper()
	c.start()
	c.startHost()
	c.front = c.storefront()
	for _, p := range c.players {
		p.Shows(act, "a synchronised, healthy connector", func(s wire.Status) error {
			if s.Snapshot == nil || s.Starting || !s.Health.Healthy || s.Election.Elected != "cc01.example.test" {
				return fmt.Errorf("state %s, elected %q, health %q, sync %+v", s.State, s.Election.Elected, s.Health.Reason, s.Sync)
			}
			return nil
		})
	}
	c.served(act, "alice", "desktop:office")
	for _, p := range c.players {
		p.Shows(act, "an open gate and a health check that counts", func(s wire.Status) error {
			if !s.Gate.Open || !s.Health.CallStream {
				return fmt.Errorf("gate: %s; health: %s", s.Gate.Reason, s.Health.Reason)
			}
			return nil
		})
	}
}

// storefront is a StoreFront of this zone that does not wait long.
func (c *cast) storefront() *client.Client {
	c.t.Helper()
	front, err := client.New(client.Options{Env: env.Real(), Connectors: c.urls(), ConnectTimeout: time.Second, AnswerTimeout: 5 * time.Second})
	if err != nil {
		c.t.Fatal(err)
	}
	front.Beat(c.t.Context())
	return front
}

// launch asks once for a session, as a StoreFront does for its user.
func (c *cast) launch(user, resource string) (wire.LaunchAnswer, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), act)
	defer cancel()
	answer, err := c.front.Launch(ctx, wire.LaunchRequest{User: user, Resource: resource})
	if err != nil {
		return answer, fmt.Errorf("launch %s for %s: %w", resource, user, err)
	}
	return answer, nil
}

// served waits until the user gets the resource, passes the gateway with the
// ticket, and sits at it.
func (c *cast) served(deadline time.Duration, user, resource string) wire.LaunchAnswer {
	c.t.Helper()
	var answer wire.LaunchAnswer
	eventually(c.t, deadline, user+" gets "+resource, func() (err error) {
		if answer, err = c.launch(user, resource); err != nil {
			return err
		}
		_, err = c.front.Redeem(c.t.Context(), wire.RedeemRequest{Ticket: answer.Ticket})
		return err
	})
	eventually(c.t, deadline, user+" sits at "+resource, func() error { return c.seated(answer) })
	return answer
}

// seated says whether the user of the launch has an active session there.
func (c *cast) seated(l wire.LaunchAnswer) error {
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.simulation(l)+"/sessions", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var list wire.List[wire.Session]
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return err
	}
	if !slices.ContainsFunc(list.Items, func(s wire.Session) bool { return s.ID == l.Session && s.State == wire.Active }) {
		return fmt.Errorf("%s has %+v, want session %s active", l.Machine, list.Items, l.Session)
	}
	return nil
}

// logoff ends the session of a launch, as its user does.
func (c *cast) logoff(l wire.LaunchAnswer) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.simulation(l)+"/sessions/"+l.Session+"/logoff", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		c.t.Fatalf("log off from %s: %s", l.Machine, resp.Status)
	}
}

func (c *cast) simulation(l wire.LaunchAnswer) string {
	return "http://" + c.hostAt + "/m/" + string(l.Machine) + "/sim/v1"
}

// back fails the test unless the user gets the session that the launch made
// (LHC-37, RAS-03). A broker that took over before it heard that the user had
// connected knows of a reservation only, until the desktop has told it.
func (c *cast) back(l wire.LaunchAnswer, user, resource string) {
	c.t.Helper()
	eventually(c.t, act, user+" reconnects", func() error {
		again := c.served(act, user, resource)
		if again.Session != l.Session || again.Machine != l.Machine {
			c.t.Fatalf("%s got session %s on %s, want %s on %s again", user, again.Session, again.Machine, l.Session, l.Machine)
		}
		if !again.Reconnected {
			return fmt.Errorf("session %s is a reservation still", again.Session)
		}
		return nil
	})
}

// outage takes the zone into HA mode, by a kill -9 of the cloud broker, and waits
// until the desktops are with the elected connector. It returns the outage.
func (c *cast) outage() string {
	c.t.Helper()
	c.cloud.Kill()
	return c.holds(c.players[0])
}

// holds waits until the player serves the zone and has all desktops.
func (c *cast) holds(p *player) string {
	c.t.Helper()
	return p.Shows(act, "that it serves all desktops", func(s wire.Status) error {
		if !s.State.HA() || !s.Election.Serving || s.Registrations != c.desktops {
			return fmt.Errorf("state %s (%s), serving %v, %d registrations", s.State, s.Waiting, s.Election.Serving, s.Registrations)
		}
		return nil
	}).Outage
}

// each says what does not fit of all players.
func (c *cast) each(fits func(wire.Status) error) error {
	for _, p := range c.players {
		s, err := p.Status()
		if err == nil {
			err = fits(s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return nil
}

// normal waits until the players, or all, are in Normal with a good cloud broker.
func (c *cast) normal(players ...*player) {
	c.t.Helper()
	for _, p := range c.or(players) {
		p.Reaches(act, zone.Normal)
	}
}

// recovered waits until the zone is in Normal and every desktop is registered
// with the cloud broker: until a desktop is, its user would get another one.
func (c *cast) recovered() {
	c.t.Helper()
	c.normal()
	c.allThere()
}

// allThere waits until every desktop is registered with the cloud broker.
func (c *cast) allThere() {
	c.t.Helper()
	eventually(c.t, act, "every desktop is registered with the cloud broker", func() error {
		brokers := c.brokers()
		if len(brokers) != c.desktops {
			return fmt.Errorf("%d desktops have registered", len(brokers))
		}
		for machine, broker := range brokers {
			if broker != "e2e" {
				return fmt.Errorf("%s is registered with %s", machine, broker)
			}
		}
		return nil
	})
}

// brokers tells whose lease each desktop has, from the host's log.
func (c *cast) brokers() map[string]string { return brokersIn(c.host.Log()) }

// brokersIn reads the log of a process of desktops.
func brokersIn(log string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(log) {
		var said struct{ Msg, Machine, Broker string }
		if json.Unmarshal([]byte(line), &said) == nil && tellsBroker(said.Msg) {
			out[said.Machine] = said.Broker
		}
	}
	return out
}

// tellsBroker: a broker that had mirrored the lease of another goes on with it.
func tellsBroker(msg string) bool {
	return msg == "registered" || msg == "the lease goes on with another broker"
}

// story is what the player's present process has told.
func (p *player) story() []told {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), p.name+".log")
	if err := os.WriteFile(file, []byte(p.process.Log()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return story(p.t, file)
}

// states are those that the player's process has been in, in order.
func (p *player) states() []string {
	p.t.Helper()
	var out []string
	for _, l := range p.story() {
		if l.Event == "state_changed" {
			out = append(out, cmp.Or(l.To, l.State))
		}
	}
	return out
}
