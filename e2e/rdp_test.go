//go:build linux

package e2e_test

import (
	"bytes"
	words "encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/launchfile"
	"understudy/wire"
)

// What a session paints, as X has it and as its bytes are in a picture of the screen.
const (
	painted      = "#d02090"
	paintedBytes = "\x90\x20\xd0"
	// paintedLeast is of 640 × 480 pixels.
	paintedLeast = 250_000
)

// realHost is what the cast has besides: a host with xrdp, the desktop of group farm.
const realHost = "ts1.example.test"

const alicesSecret = "correct horse"

// rdpCast is a cast with a real host, whose desktop alice may launch.
type rdpCast struct {
	*cast
	folder  string // of the host and of the user's computers
	clients int
}

func newRDPCast(t *testing.T) *rdpCast {
	t.Helper()
	needRoot(t)
	for command, debian := range map[string]string{
		"xrdp": "xrdp", "Xorg": "xorgxrdp", "Xvfb": "xvfb", "xfreerdp": "freerdp2-x11", "xwd": "x11-apps",
		"xsetroot": "x11-xserver-utils", "ps": "procps", "openssl": "openssl", "unshare": "util-linux",
	} {
		needTool(t, command, debian)
	}
	c := &rdpCast{cast: newCast(t), folder: t.TempDir()}
	site := strings.Replace(c.siteFile(), "users:\n", "  - {name: farm, kind: multi-session, zones: [berlin], desktop: Farm}\nusers:\n", 1)
	site = strings.Replace(site, "entitlements:\n", "entitlements:\n  - {user: alice, desktop: farm}\n", 1)
	c.write("site.yaml", site+"  - {name: "+realHost+", group: farm, zone: berlin, capacity: 5}\n")
	return c
}

// startReal runs the host: xrdp, and the desktop agent with the script for xrdp that is
// among the examples.
func (c *rdpCast) startReal() {
	c.t.Helper()
	ip := loopback(c.t, desktopPort)
	port := freePort(c.t, ip)
	script, err := os.ReadFile("../examples/xrdp/xrdp-sessions")
	if err != nil {
		c.t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(c.folder, "signs"), 0o755); err != nil { //nolint:gosec // alice reads it
		c.t.Fatal(err)
	}
	c.put("xrdp-sessions", string(script))
	c.put("host.yaml", fmt.Sprintf(`machine: %s
zone: berlin
data: /mnt/data
connectors: [["%s"]]
listen: %s:%d
callback: http://%s:%d/%s
capacity: 5
insecure: true
provider: {kind: command, list: [sh, /mnt/xrdp-sessions, list], end: [sh, /mnt/xrdp-sessions, end], disconnect: [sh, /mnt/xrdp-sessions, disconnect], interval: 500ms, address: %s, port: %d}
`, realHost, strings.Join(c.urls(), `", "`), ip, desktopPort, ip, desktopPort, realHost, ip, port))
	c.scene("real-host", "host.sh", "XRDP="+fmt.Sprintf("%s:%d", ip, port), "SESMAN="+fmt.Sprint(freePort(c.t, "127.0.0.1")), "COLOUR="+painted, "UNDERSTUDY="+binary(c.t))
}

// scene runs a script in namespaces of its own, with which everything in them ends.
func (c *rdpCast) scene(name, script string, environment ...string) *process {
	c.t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "xrdp", script))
	if err != nil {
		c.t.Fatal(err)
	}
	return start(c.t, command{
		Name: name, Path: "unshare", Args: []string{"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", path},
		Env: append(environment, "FOLDER="+c.folder, "SECRET="+alicesSecret),
	})
}

func (c *rdpCast) put(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.folder, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// launched writes the file of a launch by the connectors, as the command does.
func (c *rdpCast) launched(file string, connectors ...*player) {
	c.t.Helper()
	var urls []string
	for _, p := range c.or(connectors) {
		urls = append(urls, p.url(clientPort))
	}
	eventually(c.t, act, "a launch brings "+file, func() error {
		r := execute(c.t, command{Name: "launch", Args: []string{
			"storefront", "launch", "alice", "desktop:farm", "--format", "rdp", "--out", filepath.Join(c.folder, file), "--connectors", strings.Join(urls, ","),
		}})
		if r.Code != 0 {
			return fmt.Errorf("exit code %d: %s", r.Code, r.Stderr)
		}
		return nil
	})
}

// opens has xfreerdp open the file, and waits until the user sees what the session
// paints.
func (c *rdpCast) opens(file string) *process {
	c.t.Helper()
	c.clients++
	screen := fmt.Sprintf("screen-%d.xwd", c.clients)
	client := c.scene("client", "client.sh", "FILE="+file, "SCREEN="+screen)
	eventually(c.t, act, "the user sees the session", func() error {
		picture, err := os.ReadFile(filepath.Join(c.folder, screen))
		if err != nil {
			return err
		}
		return shows(picture)
	})
	return client
}

// shows says whether a picture in the format of xwd has the colour of the session.
func shows(picture []byte) error {
	const header, colour = 100, 12 // bytes of the fixed part, and of each entry of the colour map
	if len(picture) < header {
		return errors.New("there is no picture")
	}
	field := func(i int) int { return int(words.BigEndian.Uint32(picture[4*i:])) }
	at := field(0) + colour*field(19)
	if field(11) != 32 || at > len(picture) {
		return fmt.Errorf("the picture has %d bits for each pixel", field(11))
	}
	found := 0
	for pixel := picture[at:]; len(pixel) >= 4; pixel = pixel[4:] {
		if bytes.HasPrefix(pixel, []byte(paintedBytes)) {
			found++
		}
	}
	if found < paintedLeast {
		return fmt.Errorf("%d pixels have the colour %s, want %d", found, painted, paintedLeast)
	}
	return nil
}

// session waits for the state of alice's session as the serving connector knows it;
// empty means that she has none.
func (c *rdpCast) session(p *player, state wire.SessionState) {
	c.t.Helper()
	eventually(c.t, act, fmt.Sprintf("alice's session is %q at %s", state, p.name), func() error {
		list, err := p.client().Sessions(c.t.Context())
		if err != nil {
			return err
		}
		var is wire.SessionState
		for _, s := range list.Items {
			if s.Machine == realHost {
				is = s.State
			}
		}
		if is != state {
			return fmt.Errorf("it is %q", is)
		}
		return nil
	})
}

// Issue 5, 4 and 8: "Tested with xfreerdp against xrdp on a host run by understudy
// desktop, opened with the file that a launch during an outage returned"; "sessions
// listed, ended, their logoff reported". In Normal the file comes through a connector
// from the cloud broker; who is not elected refuses it and names who is (LHC-22). The
// session goes on through the outage (RAS-03), and the second launch is of the same one
// (LHC-37). Issue 5, 1: a client of the XML Service has her disconnected, and the session
// goes on until its program ends.
func TestRDPClientOpensTheLaunchOfAnOutage(t *testing.T) {
	c := newRDPCast(t)
	c.passwords("alice")
	c.startCloud()
	c.publish()
	c.startReal()
	c.open()
	c.launched("normal.rdp", c.players[1])
	inNormal := c.opens("normal.rdp")

	c.desktops++ // those that the elected one must have
	c.outage()
	c.session(c.players[0], wire.Active)
	inNormal.Kill()
	c.session(c.players[0], wire.Disconnected)
	c.refusesFile(c.players[1])
	c.launched("outage.rdp")
	c.opens("outage.rdp")
	c.session(c.players[0], wire.Active)
	c.saysXML(c.players[0], "alice", "RequestDisconnectUserSessions", "", "<ResponseDisconnectUserSessions></ResponseDisconnectUserSessions>")
	c.session(c.players[0], wire.Disconnected)
	c.put(filepath.Join("signs", "logoff"), "")
	c.session(c.players[0], "")
	documented(t, "| xfreerdp, the file of a launch | Normal | ", "| xfreerdp, the file of a launch | HA mode, elected | ", "| xfreerdp, the file of a launch | HA mode, not elected | ")
}

// documented fails the test unless docs/clients.md has the rows.
func documented(t *testing.T, rows ...string) {
	t.Helper()
	page, err := os.ReadFile("../docs/clients.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if !strings.Contains(string(page), "\n"+row) {
			t.Errorf("docs/clients.md has no row %s", row)
		}
	}
}

// refusesFile: a connector that is not elected says so at once, whatever the form.
func (c *rdpCast) refusesFile(p *player) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, p.url(clientPort)+"/storefront/v1/sessions", strings.NewReader(`{"user":"alice","resource":"desktop:farm"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Accept", launchfile.TypeRDP)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	if problem := wire.ReadProblem(resp); resp.StatusCode != http.StatusServiceUnavailable || problem.Code != wire.CodeNotElected || problem.Elected != "cc01.example.test" {
		rest, _ := io.ReadAll(resp.Body)
		c.t.Errorf("%s answers %s %+v %s, want not_elected and cc01", p.name, resp.Status, problem, rest)
	}
}
