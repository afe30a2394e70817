//go:build linux

package e2e_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"understudy/cloud/server"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// Bounds of waiting: a step is one thing that happens by itself, a turn takes a
// zone through an outage or out of it.
const (
	step = 15 * time.Second
	turn = 40 * time.Second
)

// stand is one zone as an administrator sets it up: a folder of files, and a
// process for each.
type stand struct {
	t        testing.TB
	dir      string
	cloud    *unit
	zone     []*unit
	desktops []*unit
	// frontHost is where StoreFront commands run, frontFlags how they are let in.
	frontHost  *host
	frontFlags []string
	applyFlags []string
	// cloudURL is what connectors are told; a test may stand in between.
	cloudURL string
	edition  int
	// siteText makes another site than that of most tests.
	siteText func(edition int) string
}

// unit is one process with its file. What it is protected by is in guard.
type unit struct {
	*process // of the latest start

	stand *stand
	kind  string // the command that runs it
	name  string
	ip    string
	host  *host
	// peerIP is where it listens for its peers, if that is on a card of its own.
	peerIP string
	guard  string
	cloud  string // more keys about the cloud broker
	more   string // more lines of the file
	// installed, if set, is where it runs as its package says.
	installed *installed
}

// standTokens are hashes: other scenarios have the tokens themselves in their files.
var standTokens = server.NewToken("zone-berlin", server.Connector, "connectors-of-berlin-0001").String() + "\n" +
	server.NewToken("administrator", server.Admin, "administrator-0001-example").String() + "\n"

func newStand(t testing.TB) *stand {
	t.Helper()
	s := &stand{t: t, dir: t.TempDir()}
	s.write("tokens", standTokens)
	s.write("connector.token", "connectors-of-berlin-0001\n")
	s.write("admin.token", "administrator-0001-example\n")
	return s
}

// newPlainStand makes a zone on loopback addresses, without TLS; its desktops are
// simulated in one process.
func newPlainStand(t testing.TB, connectors int) *stand {
	t.Helper()
	s := newStand(t)
	const guard = "insecure: true"
	s.cloud = &unit{stand: s, kind: "cloud", name: "cloud.example.test", ip: loopback(t, 7443), guard: guard}
	for i := range connectors {
		name := fmt.Sprintf("cc%02d.example.test", i+1)
		s.zone = append(s.zone, &unit{stand: s, kind: "connector", name: name, ip: loopback(t, 7480, 7489), guard: guard})
	}
	s.desktops = []*unit{{
		stand: s, kind: "desktop", name: "ws001.example.test", ip: loopback(t, 7485), guard: guard, more: "simulate: 2",
	}}
	s.cloudURL = s.cloud.url(7443)
	return s
}

func (s *stand) write(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// siteFile writes the site; each one is another edition, and so a new version.
func (s *stand) siteFile() string {
	s.t.Helper()
	s.edition++
	if s.siteText != nil {
		return s.write("site.yaml", s.siteText(s.edition))
	}
	return s.write("site.yaml", s.plainSite(s.edition))
}

// plainSite is the site of most tests.
func (s *stand) plainSite(edition int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: example\nzones:\n  - name: berlin\n    settings: {health_interval: 500ms, detection: 1500ms, initial_ha: 2s, recovery: 1500ms, "+
		"deadline: 1s, join_wait: 1s, vda_interval: 2s, preempt_after: 1s, detection_max: 1500ms, recovery_max: 1500ms}\nconnectors:\n")
	for _, c := range s.zone {
		fmt.Fprintf(&b, "  - {fqdn: %s, zone: berlin, client_url: %q, peer_url: %q}\n", c.name, c.url(7480), c.url(7489))
	}
	fmt.Fprintf(&b, `groups:
  - {name: office, kind: assigned, zones: [berlin], desktop: Office %d}
  - {name: pool, kind: pooled, zones: [berlin], desktop: Pool}
machines:
  - {name: ws001.example.test, group: office, zone: berlin, assigned_user: alice}
  - {name: ws002.example.test, group: pool, zone: berlin}
users:
  - {name: alice, groups: [staff]}
  - {name: bob, groups: [staff]}
entitlements:
  - {user: alice, desktop: office}
  - {user_group: staff, desktop: pool}
`, edition)
	return b.String()
}

// apply publishes the next edition of the site.
func (s *stand) apply() {
	s.t.Helper()
	args := append([]string{"site", "apply", s.siteFile(), "--cloud", s.cloud.url(7443), "--token-file", filepath.Join(s.dir, "admin.token")}, s.applyFlags...)
	eventually(s.t, step, "the site is published", func() error { return s.run(s.cloud.host, args...).failure() })
}

func (s *stand) run(at *host, args ...string) result {
	s.t.Helper()
	return execute(s.t, command{Name: "understudy " + strings.Join(args[:2], " "), Args: args, Host: at})
}

func (r result) failure() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("exit %d: %s", r.Code, r.Stderr)
}

// attempt runs a service that is to end by itself.
func attempt(t testing.TB, kind, file string) result {
	t.Helper()
	p := start(t, command{Name: kind, Args: []string{kind, "--config", file}})
	return result{Code: p.Wait(step), Stderr: p.Log()}
}

// up starts everything, in the order that an administrator would.
func (s *stand) up() {
	s.t.Helper()
	s.cloud.start()
	s.apply()
	for _, c := range s.zone {
		c.start()
	}
	for _, d := range s.desktops {
		d.start()
	}
	s.isNormal()
}

// isNormal waits until every connector is in Normal, reaches the cloud broker and
// has a snapshot.
func (s *stand) isNormal() {
	s.t.Helper()
	for _, c := range s.zone {
		c.admin().Shows(turn, "Normal, healthy, with a snapshot", func(v wire.Status) error {
			if v.State != zone.Normal || v.Starting || !v.Health.Healthy || v.Snapshot == nil {
				return fmt.Errorf("state %s (%s), health %q, sync %+v, snapshot %v", v.State, v.Reason, v.Health.Reason, v.Sync, v.Snapshot)
			}
			return nil
		})
	}
}

// storefront runs a StoreFront command at all connectors.
func (s *stand) storefront(flags []string, args ...string) result {
	s.t.Helper()
	var urls []string
	for _, c := range s.zone {
		urls = append(urls, c.url(7480))
	}
	args = append([]string{"storefront"}, args...)
	return s.run(s.frontHost, append(append(args, "-o", "json", "--timeout", "15s", "--connectors", strings.Join(urls, ",")), flags...)...)
}

// launches waits until the user gets a session of the resource.
func (s *stand) launches(user, resource string) wire.LaunchAnswer {
	s.t.Helper()
	var answer wire.LaunchAnswer
	eventually(s.t, turn, user+" launches "+resource, func() error {
		r := s.storefront(s.frontFlags, "launch", user, resource)
		if err := r.failure(); err != nil {
			return err
		}
		return json.Unmarshal([]byte(r.Out), &answer)
	})
	return answer
}

func (u *unit) file() string { return filepath.Join(u.stand.dir, u.name+".yaml") }
func (u *unit) data() string { return filepath.Join(u.stand.dir, u.name) }

func (u *unit) socket() string {
	short, _, _ := strings.Cut(u.name, ".")
	return filepath.Join(u.stand.dir, short+".sock")
}

func (u *unit) admin() *admin { return adminOf(u.stand.t, "unix:"+u.socket(), u.data()) }

// url is where the unit is reached: by name where it has a host.
func (u *unit) url(port int) string {
	switch {
	case u.host == nil:
		return fmt.Sprintf("http://%s:%d", u.ip, port)
	case u.peerIP != "" && port == standPeer:
		return fmt.Sprintf("https://%s:%d", u.peerIP, port)
	}
	return fmt.Sprintf("https://%s:%d", u.name, port)
}

// start writes the unit's file and runs it; a second start goes on with its data.
func (u *unit) start() *unit {
	u.stand.t.Helper()
	if u.installed != nil {
		u.process = u.installed.start(u)
		return u
	}
	u.stand.write(u.name+".yaml", u.text())
	u.process = start(u.stand.t, command{Name: u.name, Args: []string{u.kind, "--config", u.file()}, Host: u.host})
	return u
}

func (u *unit) text() string {
	lines := []string{fmt.Sprintf("data: %s", u.name), u.guard, u.more}
	switch u.kind {
	case "cloud":
		lines = append(lines, "site: example", "tokens_file: tokens", fmt.Sprintf("listen: %s:7443", u.ip))
	case "connector":
		lines = append(lines, u.connectorText())
	case "desktop":
		lines = append(lines, "machine: "+u.name, "zone: berlin", fmt.Sprintf("listen: %s:7485", u.ip), "provider: {kind: simulate, connect: 200ms}", "connectors:\n  - "+u.stand.clientURLs())
	}
	return strings.Join(lines, "\n") + "\n"
}

func (u *unit) connectorText() string {
	text := fmt.Sprintf("site: example\nfqdn: %s\nzone: berlin\nsync: {interval: 1s}\n", u.name) +
		fmt.Sprintf("cloud: {url: %q, token_file: connector.token, timeout: 1s%s}\n", u.stand.cloudURL, u.cloud) +
		fmt.Sprintf("listen: {client: \"%s:7480\", peer: \"%s:7489\", admin: \"unix:%s\"}\npeers:\n", u.ip, cmp.Or(u.peerIP, u.ip), u.socket())
	for _, c := range u.stand.zone {
		text += fmt.Sprintf("  - {fqdn: %s, client_url: %q, peer_url: %q}\n", c.name, c.url(7480), c.url(7489))
	}
	return text + fmt.Sprintf("front_ends: [%s, %s]\n", frontName, farName)
}

func (s *stand) clientURLs() string {
	var urls []string
	for _, c := range s.zone {
		urls = append(urls, fmt.Sprintf("%q", c.url(7480)))
	}
	return "[" + strings.Join(urls, ", ") + "]"
}

// raised waits until the connector has told of the event, with that in its reason.
func (u *unit) raised(name events.Name, reason string) {
	u.stand.t.Helper()
	eventually(u.stand.t, step, fmt.Sprintf("%s raises %s: %s", u.name, name, reason), func() error {
		r := understudy(u.stand.t, "events", "-o", "json", "-n", "1000", "--connector", "unix:"+u.socket())
		if err := r.failure(); err != nil {
			return err
		}
		return findEvent(r.Out, name, reason)
	})
}

func findEvent(out string, name events.Name, reason string) error {
	var told []string
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var e events.Entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("it told of\n%s", strings.Join(told, "\n"))
		case err != nil:
			return fmt.Errorf("%w in %s", err, out)
		case e.Event == name && strings.Contains(e.Reason, reason):
			return nil
		}
		told = append(told, fmt.Sprintf("%s: %s", e.Event, e.Reason))
	}
}

// version is what a connector uses.
func (u *unit) version() site.Version {
	u.stand.t.Helper()
	status := u.admin().Shows(step, "a snapshot", func(v wire.Status) error {
		if v.Snapshot == nil {
			return errors.New("it has none")
		}
		return nil
	})
	return status.Snapshot.Version
}

// dial opens a connection from the host: a socket belongs to the namespace in
// which it was made.
func (h *host) dial(ctx context.Context, network, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	for _, other := range h.net.hosts {
		if other.Name == name {
			address = net.JoinHostPort(other.Address, port)
		}
	}
	leave, err := h.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, network, address)
}

// enter puts the running thread into the host's namespace. It must be the same
// thread again after it has left: one that ended would take the processes that it
// has started along (Pdeathsig).
func (h *host) enter() (leave func(), err error) {
	namespace, err := os.Open(filepath.Join("/run/netns", h.namespace))
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err == nil {
		err = unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
	}
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	return func() {
		defer home.Close()
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic(err) // the test binary would go on in the wrong network
		}
		runtime.UnlockOSThread()
	}, nil
}

// dialSocket reaches a Unix socket, whatever the address.
func dialSocket(path string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
}

// answered is what a server said.
type answered struct {
	Status  int
	Header  http.Header
	Body    string
	Problem wire.Problem
	Took    time.Duration
}

// ask sends one request with a body and reads the answer; the error is that of a
// server that gave none.
func ask(t testing.TB, client *http.Client, method, url, body string, header ...string) (answered, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	began := time.Now()
	resp, err := client.Do(req)
	if err != nil {
		return answered{Took: time.Since(began)}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	a := answered{Status: resp.StatusCode, Header: resp.Header, Body: string(text), Took: time.Since(began)}
	_ = json.Unmarshal(text, &a.Problem) // what is no problem document has no code
	return a, err
}
