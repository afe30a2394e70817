//go:build linux

package e2e_test

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/wire"
)

// balanced is a zone behind a real HAProxy, which runs on the far StoreFront's host from
// the example as it is shipped.
type balanced struct {
	*netCast
	socket string
	client *http.Client
}

func newBalanced(t *testing.T) *balanced {
	t.Helper()
	needRoot(t)
	needTool(t, "haproxy", "haproxy")
	b := &balanced{netCast: newNetCast(t, 3)}
	b.socket = filepath.Join(b.dir, "haproxy.sock")
	for _, k := range b.zone {
		k.guard = b.guard(b.zoneCA.Issue(k.name, sharedName))
	}
	b.client = b.clientOf(net.JoinHostPort(b.far.host.Address, fmt.Sprint(standClient)))
	b.open()
	b.balance()
	return b
}

func (b *balanced) balance() {
	b.t.Helper()
	example, err := filepath.Abs("../examples/haproxy/haproxy.cfg")
	if err != nil {
		b.t.Fatal(err)
	}
	path, err := exec.LookPath("haproxy")
	if err != nil {
		b.t.Fatal(err)
	}
	start(b.t, command{Name: "haproxy", Path: path, Host: b.far.host, Args: []string{"-db", "-f", example}, Env: b.settings()})
}

// settings are the example's. Nobody listens in paris.
func (b *balanced) settings() []string {
	b.t.Helper()
	at := func(h *host, port int) string { return fmt.Sprintf("%s:%d", h.Address, port) }
	probe := b.write("probe.pem", b.text(b.ids[farName].CertFile)+b.text(b.ids[farName].KeyFile))
	env := []string{
		"STATS_SOCKET=" + b.socket, "CA_FILE=" + b.zoneCA.File, "PROBE_CERT=" + probe, "NAME=" + sharedName, "SITE=example", "PROBE_APP=Pool",
		"BERLIN=" + at(b.far.host, 7480), "PARIS=" + at(b.far.host, 7481), "STA=" + at(b.far.host, 7482),
	}
	for i, k := range b.zone {
		env = append(env, fmt.Sprintf("BERLIN_%d=%s", i+1, at(k.host, standClient)), fmt.Sprintf("BERLIN_%d_NAME=%s", i+1, k.name))
	}
	for i, d := range b.desktops[:2] {
		env = append(env, fmt.Sprintf("PARIS_%d=%s", i+1, at(d.host, standClient)), fmt.Sprintf("PARIS_%d_NAME=%s", i+1, d.name))
	}
	return env
}

func (b *balanced) text(file string) string {
	b.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// servers are what HAProxy says of the servers of each backend: UP or DOWN and why.
func (b *balanced) servers() (map[string][]string, error) {
	conn, err := net.Dial("unix", b.socket)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(step)); err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, "show stat\n"); err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(conn).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("show stat: %w", err)
	}
	if len(rows) == 0 {
		return nil, errors.New("show stat: no rows")
	}
	column := func(row []string, name string) string { return row[slices.Index(rows[0], name)] }
	out := map[string][]string{}
	for _, row := range rows[1:] {
		if server := column(row, "svname"); server != "FRONTEND" && server != "BACKEND" {
			state := server + " " + column(row, "status") + " " + column(row, "check_status") + " " + column(row, "check_code")
			out[column(row, "# pxname")] = append(out[column(row, "# pxname")], strings.TrimSpace(state))
		}
	}
	return out, nil
}

// shows waits until exactly those servers of the backends are up, by a probe.
func (b *balanced) shows(what string, up map[string][]string) {
	b.t.Helper()
	var servers map[string][]string
	eventually(b.t, turn, what+": HAProxy sees it", func() (err error) {
		if servers, err = b.servers(); err != nil {
			return err
		}
		for backend, want := range up {
			var got []string
			for _, s := range servers[backend] {
				if name, state, _ := strings.Cut(s, " "); strings.HasPrefix(state, "UP") && strings.Contains(state, "L7OK") {
					got = append(got, name)
				}
			}
			if !slices.Equal(got, want) {
				return fmt.Errorf("%s: up are %q, want %q: %q", backend, got, want, servers[backend])
			}
		}
		return nil
	})
	for _, backend := range slices.Sorted(maps.Keys(servers)) {
		b.t.Logf("%s: %s: %s", what, backend, strings.Join(servers[backend], ", "))
	}
}

// one is what is up in an outage: whoever is elected, by every probe.
func one(server string) map[string][]string {
	return map[string][]string{"berlin": {server}, "elected": {server}, "xml": {server}, "farm": {server}, "sta": {server}, "paris": nil}
}

// lands waits until a request through HAProxy is answered by the connector.
func (b *balanced) lands(at *unit) {
	b.t.Helper()
	eventually(b.t, step, "requests land at "+at.name, func() error {
		a, err := ask(b.t, b.client, "GET", "https://"+sharedName+":7480/storefront/v1/heartbeat", "")
		if err == nil && (a.Status != http.StatusOK || !strings.Contains(a.Body, `"connector":"`+at.name+`"`)) {
			err = errors.New(a.Body)
		}
		return err
	})
}

// LHC-22, LHC-43, REP-03: the real HAProxy, with the example as it is shipped: by every
// probe all connectors are up in Normal, but the elected one alone by the probe for that;
// in an outage the elected one alone, at once its successor when it is killed, and a
// launch through HAProxy lands there.
func TestBalancer(t *testing.T) {
	t.Parallel()
	b := newBalanced(t)
	all := []string{"cc01", "cc02", "cc03"}
	normal := map[string][]string{"berlin": all, "elected": {"cc01"}, "xml": all, "farm": all, "sta": all, "paris": nil}
	b.shows("Normal", normal)
	alice := launchBy(t, b.client, sharedName, "alice", "desktop:office")
	b.outage(func() {
		b.shows("an outage", one("cc01"))
		b.lands(b.zone[0])
		b.again(alice)
		b.zone[0].Kill()
		b.serves(b.zone[1], b.zone[1:]...)
		b.shows("the elected one is killed", one("cc02"))
		b.lands(b.zone[1])
		b.again(alice)
		b.zone[0].start()
		b.serves(b.zone[0], b.zone...)
		b.shows("it is back", one("cc01"))
	})
	b.shows("Normal again", normal)
}

// again wants the session of a launch (LHC-37).
func (b *balanced) again(l wire.LaunchAnswer) {
	b.t.Helper()
	if got := launchBy(b.t, b.client, sharedName, "alice", "desktop:office"); !got.Reconnected || got.Session != l.Session {
		b.t.Errorf("got session %s (reconnected: %v), want %s again", got.Session, got.Reconnected, l.Session)
	}
}
