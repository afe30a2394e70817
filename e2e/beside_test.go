//go:build linux

package e2e_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// TestBesideControllers: LHC-43, a site's own controllers broker in Normal, and the zone
// brokers from its site source when they are gone. The controllers are written here and
// as unlike ours as the protocol lets them be. The second one has TLS 1.2; the one before
// both shows a certificate of an authority that nobody here knows.
func TestBesideControllers(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:2]
	ca := newAuthority(t)
	stranger, first, second := newForeign(t, "STA0FF", newAuthority(t)), newForeign(t, "STA0A1", nil), newForeign(t, "STA0B2", ca)
	c.write("controllers.pem", ca.pem())
	c.write("site.yaml", c.siteFile())
	c.write("desktops.yaml", c.desktopsFile())
	c.write("monitor.password", "Password1\n")
	c.passwords("carol")
	cat, err := exec.LookPath("cat")
	must(t, err)
	sources := []string{"file: site.yaml", fmt.Sprintf("command: [%q, %q]", cat, filepath.Join(c.dir, "site.yaml"))}
	for i, p := range c.players {
		c.write(p.name+".yaml", c.besideFile(p, sources[i], stranger, first, second))
		p.process = c.run(p.name, "connector", p.name+".yaml")
	}
	c.startHost()
	c.front = c.storefront()
	version := c.besideReady()
	c.relaysXML(t, first)
	c.refusesJSON(t)

	// LHC-12: one controller fails, and the zone notices nothing.
	first.stop()
	c.relaysXML(t, second)
	throughout(t, 3*time.Second, "the zone stays in Normal on the second controller", func() error {
		return c.each(func(s wire.Status) error {
			if s.State != zone.Normal || !s.Health.Healthy {
				return fmt.Errorf("state %s, health %s", s.State, s.Health.Reason)
			}
			return nil
		})
	})

	second.stop()
	c.holds(c.players[0])
	if n := stranger.asked.Load(); n != 0 {
		t.Errorf("a controller whose certificate nobody knows was asked %d times", n)
	}
	launched := c.served(act, "alice", "desktop:office")
	if launched.Machine != "ws001.example.test" {
		t.Errorf("alice got %s, want her own", launched.Machine)
	}
	used := c.served(act, "bob", "desktop:pool")
	c.logoff(used)
	byXML := c.launchesXML(t)
	c.farmIs(t, c.players[0], true)
	c.farmIs(t, c.players[1], false)

	had := c.registered()
	second.start(t)
	c.normal()
	c.relaysXML(t, second)
	c.comeBack(t, had)
	c.isReset(t, used.Machine)
	c.isReset(t, byXML)
	if err := c.seated(launched); err != nil {
		t.Errorf("RAS-03: %v", err)
	}
	c.takesChange(t, version)
	c.noticesAnotherSource(t)
}

// besideFile is the file of a connector beside controllers.
func (c *cast) besideFile(p *player, source string, servers ...*foreign) string {
	var urls []string
	for _, s := range servers {
		urls = append(urls, fmt.Sprintf("%q", s.url()))
	}
	lines := strings.Split(c.connectorFile(p), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "cloud: ") {
			lines[i] = fmt.Sprintf("upstream: xml-service\nxml_service: {servers: [%s], farm: Site1, user: monitor, domain: EXAMPLE, password_file: monitor.password, ca_file: controllers.pem}\nsite_source: {%s}",
				strings.Join(urls, ", "), source)
		}
	}
	return strings.Join(lines, "\n")
}

// besideReady waits until the zone could go through an outage, and returns the version
// that all have.
func (c *cast) besideReady() site.Version {
	c.t.Helper()
	var version site.Version
	for _, p := range c.players {
		s := p.Shows(act, "a connector that is ready for an outage", func(s wire.Status) error {
			c.front.Beat(c.t.Context())
			if s.Snapshot == nil || s.Starting || !s.Health.Healthy || !s.Gate.Open || s.CallIn.Known != c.desktops || s.Election.Elected != "cc01.example.test" {
				return fmt.Errorf("state %s, health %q, gate %q, sync %+v, %d desktops known", s.State, s.Health.Reason, s.Gate.Reason, s.Sync, s.CallIn.Known)
			}
			if !version.IsZero() && s.Snapshot.Version != version {
				return fmt.Errorf("version %s, want %s as the others", s.Snapshot.Version, version)
			}
			return nil
		})
		version = s.Snapshot.Version
	}
	return version
}

// relaysXML fails the test unless each connector passes requests in XML on to the
// controller, and its answers back.
func (c *cast) relaysXML(t *testing.T, to *foreign) {
	t.Helper()
	for _, p := range c.players {
		eventually(t, act, "requests in XML through "+p.name, func() error {
			const apps = `<NFuseProtocol version="5.4"><RequestAppData><Scope traverse="onelevel"/><Credentials><UserName>alice</UserName><Password encoding="cleartext">x</Password></Credentials></RequestAppData></NFuseProtocol>`
			a, err := ask(t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/scripts/WPnBr.dll", apps, "Content-Type", "text/xml")
			if err == nil && (a.Status != http.StatusOK || !strings.Contains(a.Body, "<INNAME>Foreign at "+to.sta+"</INNAME>")) {
				err = fmt.Errorf("got %d %s", a.Status, a.Body)
			}
			if err != nil {
				return err
			}
			const ticket = `<CtxSTAProtocol version="4.0"><RequestTicket><TicketData><Value name="ICAAddress">10.0.0.7:1494</Value></TicketData></RequestTicket></CtxSTAProtocol>`
			a, err = ask(t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/Scripts/CtxSta.dll", ticket, "Content-Type", "text/xml")
			if err == nil && (a.Status != http.StatusOK || !strings.Contains(a.Body, to.sta)) {
				err = fmt.Errorf("got %d %s", a.Status, a.Body)
			}
			return err
		})
	}
}

// refusesJSON: what the controllers broker is theirs.
func (c *cast) refusesJSON(t *testing.T) {
	t.Helper()
	a, err := ask(t, http.DefaultClient, http.MethodPost, c.players[1].url(clientPort)+"/storefront/v1/sessions", `{"user":"alice","resource":"desktop:office"}`, "Content-Type", "application/json")
	if err != nil || a.Status != http.StatusConflict || a.Problem.Code != wire.CodeXMLOnly {
		t.Errorf("got %d %s (%v), want 409 %s", a.Status, a.Body, err, wire.CodeXMLOnly)
	}
}

// farmIs: LHC-42, in HA mode the elected connector gives the farm identity, and the
// others fail at once.
func (c *cast) farmIs(t *testing.T, p *player, given bool) {
	t.Helper()
	const farm = `<NFuseProtocol version="1.1"><RequestServerFarmData><Nil/></RequestServerFarmData></NFuseProtocol>`
	a, err := ask(t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/scripts/wpnbr.dll", farm, "Content-Type", "text/xml")
	if err != nil || strings.Contains(a.Body, "<ServerFarmName>") != given || (a.Status == http.StatusOK) != given {
		t.Errorf("%s: got %d %s (%v), want the farm's name: %t", p.name, a.Status, a.Body, err, given)
	}
}

// comeBack waits until each desktop has registered once more than it had.
func (c *cast) comeBack(t *testing.T, had int) {
	t.Helper()
	eventually(t, act, "all desktops wait with the connectors again", func() error {
		if n := c.registered() - had; n < c.desktops {
			return fmt.Errorf("%d registrations, want %d", n, c.desktops)
		}
		return nil
	})
}

// registered is how often desktops have registered.
func (c *cast) registered() int { return strings.Count(c.host.Log(), `"msg":"registered"`) }

// isReset: LHC-34, a pooled desktop that an outage used is reset in Normal, by the
// connector where it waits.
func (c *cast) isReset(t *testing.T, machine site.FQDN) {
	t.Helper()
	eventually(t, act, "the used desktop is reset", func() error {
		for line := range strings.Lines(c.host.Log()) {
			if strings.Contains(line, string(machine)) && strings.Contains(line, "reset") {
				return nil
			}
		}
		return errors.New("nobody has reset " + string(machine))
	})
}

// takesChange: LHC-01, a change of the source is in every connector, as one version.
func (c *cast) takesChange(t *testing.T, before site.Version) {
	t.Helper()
	c.write("site.yaml", strings.Replace(c.siteFile(), "users:\n", "users:\n  - {name: erin, groups: [staff]}\n", 1))
	var after site.Version
	for _, p := range c.players {
		s := p.Shows(act, "the changed site", func(s wire.Status) error {
			if s.Snapshot == nil || s.Snapshot.Version.Compare(before) <= 0 || !after.IsZero() && s.Snapshot.Version != after {
				return fmt.Errorf("snapshot %+v, sync %+v", s.Snapshot, s.Sync)
			}
			return nil
		})
		after = s.Snapshot.Version
	}
}

// noticesAnotherSource: a source that is broken leaves the copy as it is and says why.
func (c *cast) noticesAnotherSource(t *testing.T) {
	t.Helper()
	c.write("site.yaml", "name: e2e\nzones: [\n")
	for _, p := range c.players {
		p.Shows(act, "a sync that failed", func(s wire.Status) error {
			if s.Sync.Outcome != "failed" || !strings.Contains(s.Sync.Detail, "site.yaml") && !strings.Contains(s.Sync.Detail, "cat") || s.Snapshot == nil {
				return fmt.Errorf("sync %+v", s.Sync)
			}
			return nil
		})
	}
}

// foreign is a controller that nobody here wrote: another prologue and encoding, other
// capitals, another order of elements, and elements that nobody here knows.
type foreign struct {
	at, sta string
	tls     *tls.Config // nil for plain TCP
	asked   atomic.Int64
	server  *http.Server
	mu      sync.Mutex // guards server
}

func newForeign(t testing.TB, sta string, ca *authority) *foreign {
	t.Helper()
	ip := loopback(t, cloudPort)
	f := &foreign{at: fmt.Sprintf("%s:%d", ip, cloudPort), sta: sta}
	if ca != nil {
		f.tls = ca.Client(ca.Issue(strings.ToLower(sta)+".example.test", ip))
		f.tls.MinVersion, f.tls.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	}
	f.start(t)
	t.Cleanup(f.stop)
	return f
}

func (f *foreign) url() string {
	if f.tls != nil {
		return "https://" + f.at
	}
	return "http://" + f.at
}

func (f *foreign) start(t testing.TB) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(context.WithoutCancel(t.Context()), "tcp", f.at)
	must(t, err)
	if f.tls != nil {
		listener = tls.NewListener(listener, f.tls)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server = &http.Server{Handler: f, ReadHeaderTimeout: time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	server := f.server
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the controller ended: %v", err)
		}
	}()
}

func (f *foreign) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	_ = f.server.Close()
}

func (f *foreign) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked.Add(1)
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/xml; charset=iso-8859-1")
	w.Header().Set("Server", "A web server of its own")
	if r.URL.Path == "/scripts/ctxsta.dll" {
		fmt.Fprintf(w, "<CtxSTAProtocol version='4.0'>\n <ResponseTicket><TicketVersion>40</TicketVersion><Ticket>6C0EE48D2E8CADFEE6D1EB93BFB52A57</Ticket><AuthorityID>%s</AuthorityID></ResponseTicket>\n</CtxSTAProtocol>", f.sta)
		return
	}
	fmt.Fprintf(w, "<?xml version='1.0' encoding='ISO-8859-1'?>\r\n<!DOCTYPE NFUSEPROTOCOL SYSTEM 'NFuse.dtd' []>\r\n<NFUSEPROTOCOL LEVEL='2' VERSION='4.7'>%s</NFUSEPROTOCOL>", f.inner(string(body)))
}

func (f *foreign) inner(asked string) string {
	switch {
	case strings.Contains(asked, "<RequestServerFarmData>"):
		return "<RESPONSESERVERFARMDATA><HINT>\xfc</HINT><SERVERFARMDATA><AGE>15</AGE><SERVERFARMNAME>\n  SITE1\n</SERVERFARMNAME></SERVERFARMDATA></RESPONSESERVERFARMDATA>"
	case strings.Contains(asked, "<RequestValidateCredentials>") && strings.Contains(asked, "PFFAJEDBOHECJEDBODEGIMCJPOFLJKDPKLAO"):
		return "<RESPONSEVALIDATECREDENTIALS/>"
	case strings.Contains(asked, "<RequestAppData>"):
		return "<RESPONSEAPPDATA><APPDATASET><APPDATA><SEQNO>1</SEQNO><FNAME>B\xfcro</FNAME><INNAME>Foreign at " + f.sta + "</INNAME></APPDATA></APPDATASET></RESPONSEAPPDATA>"
	}
	return "<RESPONSEERROR><ERRORID>unspecified</ERRORID></RESPONSEERROR>"
}
