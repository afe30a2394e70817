//go:build linux

package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"understudy/site"
	"understudy/trust"
	"understudy/wire"
	"understudy/zone"
)

// Machines of the attacked zone: the first is alice's, the second the attacker's, and on
// the third nothing runs that would register anew.
const (
	attacked = "ws001.example.test"
	stolen   = "ws002.example.test"
	idle     = "ws003.example.test"
)

// TestAttacks is the attack suite of docs/threat-model.md: a zone of real processes with
// TLS in a network of its own, and what somebody in it can try. After each attack the
// good request beside it is served.
func TestAttacks(t *testing.T) {
	t.Parallel()
	s := newSecured(t, 2, 2, idle)
	s.siteText = func(edition int) string {
		text := strings.Replace(s.plainSite(edition), "vda_interval: 2s", "vda_interval: 4s", 1)
		return strings.Replace(text, "\nusers:", "\n  - {name: "+idle+", group: office, zone: berlin, assigned_user: bob}\nusers:", 1)
	}
	s.write("front.keys", "gateway "+trust.HashOf("a-key-that-a-gateway-shows").String()+"\n")
	for _, c := range s.zone {
		c.more = "storefront_keys_file: front.keys\nxml: {open_sta: false}"
	}
	s.up()
	s.launches("alice", "desktop:office")
	attacks := []struct {
		name string
		run  func(*testing.T)
	}{
		{"stolen desktop certificate", s.stolenCertificate},
		{"rogue peer", s.roguePeer},
		{"replayed lease", s.replayedLease},
		{"stolen lease", s.stolenLease},
		{"replayed ticket", s.replayedTicket},
		{"SSRF by callback URL", s.callbackElsewhere},
		{"poisoned XML body", s.poisonedXML},
		{"front end asserts another's identity", s.assertedIdentity},
	}
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			a.run(t)
			s.launches("alice", "desktop:office") // the good one
		})
	}
	s.tryLeaseThroughPeer(t)
	s.cloud.Kill()
	for _, c := range s.zone {
		c.admin().Elects(turn, site.FQDN(s.zone[0].name))
		c.admin().Reaches(turn, zone.InitialHA)
	}
	s.launches("alice", "desktop:office")
	for _, a := range attacks {
		t.Run(a.name+" in an outage", func(t *testing.T) {
			a.run(t)
			s.launches("alice", "desktop:office")
		})
	}
	s.tryMirroredLease(t)
}

// refused fails the test unless the request is answered with one of those statuses.
func (s *secured) refused(t *testing.T, id *identity, method, url, body string, want []int, header ...string) answered {
	t.Helper()
	a, err := ask(t, s.client(id), method, url, body, header...)
	if err != nil {
		t.Errorf("%s %s: %v, want one of %v", method, url, err, want)
		return a
	}
	if !slices.Contains(want, a.Status) {
		t.Errorf("%s %s: got %d %s, want one of %v", method, url, a.Status, a.Body, want)
	}
	return a
}

var (
	forbidden    = []int{http.StatusForbidden}
	unauthorized = []int{http.StatusUnauthorized}
)

func (s *secured) clientURL(path string) string { return s.zone[0].url(7480) + path }

// registrationOf is the body of a machine at a callback.
func registrationOf(machine, callback string) string {
	return fmt.Sprintf(`{"machine":%q,"zone":"berlin","protocol":"1.0","callback":%q,"capacity":1,"load":0,"sessions":[]}`, machine, callback)
}

// stolenCertificate: with the key of one desktop its host can be played, and nothing else:
// no other machine, no StoreFront, no peer, no connector at another desktop.
func (s *secured) stolenCertificate(t *testing.T) {
	t.Helper()
	id := s.ids[stolen]
	s.refused(t, &id, "POST", s.clientURL("/vda/v1/registrations"), registrationOf(attacked, "https://"+attacked+":7485"), forbidden)
	for _, q := range [][2]string{{"resources", `{"user":"alice"}`}, {"sessions", `{"user":"alice","resource":"desktop:office"}`}, {"tickets/redeem", `{"ticket":"x"}`}} {
		s.refused(t, &id, "POST", s.clientURL("/storefront/v1/"+q[0]), q[1], unauthorized)
	}
	for _, path := range []string{"/peer/v1/snapshot", "/peer/v1/desktops", "/peer/v1/connectors"} {
		s.refused(t, &id, "GET", s.zone[0].url(7489)+path, "", forbidden, wire.HeaderConnector, s.zone[1].name)
	}
	desktop := s.desktops[0].url(7485)
	s.refused(t, &id, "POST", desktop+"/v1/sessions", `{"lease":"x","term":99,"session":"s","user":"mallory","resource":"desktop:office"}`, forbidden)
	s.refused(t, &id, "POST", desktop+"/v1/reset", `{"lease":"x","term":99}`, forbidden)
	s.refused(t, &id, "POST", desktop+"/v1/reregister", `{"term":99,"connectors":["https://`+stolen+`:7480"]}`, forbidden)
	s.refused(t, &id, "DELETE", desktop+"/v1/sessions/s", "", forbidden)
}

// roguePeer: who is no connector of the zone has no part in the election, can give no
// order and is told nothing, whatever name it gives; neither has who shows a certificate
// of another authority.
func (s *secured) roguePeer(t *testing.T) {
	t.Helper()
	rogue := s.zoneCA.Issue("cc09.example.test")
	stranger := newAuthority(t).Issue(s.zone[1].name)
	before, err := s.zone[0].admin().Status()
	if err != nil {
		t.Fatal(err)
	}
	facts := fmt.Sprintf(`{"site":"example","zone":"berlin","fqdn":%q,"seq":1,"record":{"number":9999,"open":true}}`+"\n", s.zone[1].name)
	for _, name := range []string{s.zone[1].name, s.zone[0].name, "cc09.example.test"} {
		as := []string{wire.HeaderConnector, name, wire.HeaderZone, "berlin"}
		for path, body := range map[string]string{
			"/peer/v1/facts?site=example": facts, "/peer/v1/outage": `{"action":"force","reason":"an attack"}`, "/peer/v1/mirror": `{}`,
			"/storefront/v1/tickets/redeem": `{"ticket":"x"}`,
		} {
			s.refused(t, &rogue, "POST", s.zone[0].url(7489)+path, body, forbidden, as...)
		}
		s.refused(t, &rogue, "GET", s.zone[0].url(7489)+"/peer/v1/snapshot", "", forbidden, as...)
		if a, err := ask(t, s.client(&stranger), "GET", s.zone[0].url(7489)+"/peer/v1/snapshot", "", as...); err == nil {
			t.Errorf("a certificate of another authority got %d %s, want no connection", a.Status, a.Body)
		}
	}
	after, err := s.zone[0].admin().Status()
	if err != nil || after.Number != before.Number || after.Election.Elected != before.Election.Elected || after.Force != nil {
		t.Errorf("the record went from %d to %d, elected %s, forced %v (%v)", before.Number, after.Number, after.Election.Elected, after.Force, err)
	}
}

// replayedLease: once the host has a newer lease, the older one is worth nothing, neither
// to who plays the host nor to who plays a broker, though both show the right certificate.
func (s *secured) replayedLease(t *testing.T) {
	t.Helper()
	host, connector := s.ids[attacked], s.ids[s.zone[0].name]
	a, err := ask(t, s.client(&host), "POST", s.clientURL("/vda/v1/registrations"), registrationOf(attacked, "https://"+attacked+":7485"))
	var old wire.Lease
	if err != nil || a.Status != http.StatusCreated || json.Unmarshal([]byte(a.Body), &old) != nil || old.Lease == "" {
		t.Fatalf("a registration got %d %s (%v)", a.Status, a.Body, err)
	}
	lease := s.clientURL("/vda/v1/registrations/" + old.Lease)
	// The real host finds its own lease gone with its next heartbeat, and registers.
	eventually(t, step, "the host has a newer lease", func() error {
		a, err := ask(t, s.client(&host), "GET", lease, "")
		if err == nil && a.Status != http.StatusNotFound {
			err = fmt.Errorf("the older one: %d %s", a.Status, a.Body)
		}
		return err
	})
	gone := []int{http.StatusNotFound}
	s.refused(t, &host, "PUT", lease, `{"load":0,"term":1}`, gone)
	s.refused(t, &host, "POST", lease+"/sessions", `{"seq":1,"event":"ended","session":{"id":"s","user":"alice","resource":"desktop:office","state":"active"}}`, gone)
	prepare := fmt.Sprintf(`{"lease":%q,"term":%d,"session":"s","user":"mallory","resource":"desktop:office"}`, old.Lease, old.Term)
	p := s.refused(t, &connector, "POST", s.desktops[0].url(7485)+"/v1/sessions", prepare, forbidden)
	if p.Problem.Code != wire.CodeLeaseStale {
		t.Errorf("a prepare with the older lease got %+v, want %s", p.Problem, wire.CodeLeaseStale)
	}
}

// replayedTicket: a ticket is redeemed once, at whichever connector, and one that was
// made up never.
func (s *secured) replayedTicket(t *testing.T) {
	t.Helper()
	id := s.ids[frontName]
	body := fmt.Sprintf(`{"ticket":%q}`, s.launches("alice", "desktop:office").Ticket)
	redeem := func(c *unit, body string) answered {
		a, err := ask(t, s.client(&id), "POST", c.url(7480)+"/storefront/v1/tickets/redeem", body)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := redeem(s.zone[0], body); a.Status != http.StatusOK {
		t.Fatalf("the first time got %d %s", a.Status, a.Body)
	}
	for _, c := range s.zone {
		if a := redeem(c, body); a.Status/100 == 2 {
			t.Errorf("%s: the ticket again got %d %s", c.name, a.Status, a.Body)
		}
		if a := redeem(c, `{"ticket":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}`); a.Status/100 == 2 {
			t.Errorf("%s: a made up ticket got %d %s", c.name, a.Status, a.Body)
		}
	}
	if a := redeem(s.zone[0], body); a.Problem.Code != wire.CodeTicketUsed {
		t.Errorf("the ticket again got %d %s, want %s", a.Status, a.Body, wire.CodeTicketUsed)
	}
}

// callbackElsewhere: a desktop cannot have connectors call anything but itself.
func (s *secured) callbackElsewhere(t *testing.T) {
	t.Helper()
	id := s.ids[stolen]
	for _, callback := range []string{
		"https://" + attacked + ":7485",
		"https://" + s.zone[0].name + ":7489",
		"https://169.254.169.254/latest",
		"https://127.0.0.1:7490/admin/v1",
		"http://[::1]:7490",
		"https://" + stolen + "@" + attacked + ":7485",
		"https://" + stolen + ".evil.test:7485",
		"https://" + attacked + "#@" + stolen,
		"https://" + attacked + "\\@" + stolen,
		"file://" + stolen + "/etc/passwd",
		"gopher://" + stolen + ":25/",
		"unix:/run/understudy.sock",
	} {
		s.refused(t, &id, "POST", s.clientURL("/vda/v1/registrations"), registrationOf(stolen, callback), []int{http.StatusForbidden, http.StatusBadRequest})
	}
}

// poisonedXML: no entity is expanded, no file and no address is fetched, and what nests
// or goes on without end is refused.
func (s *secured) poisonedXML(t *testing.T) {
	t.Helper()
	id := s.ids[frontName]
	bomb := `<!DOCTYPE b [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>`
	for name, body := range map[string]string{
		"billion laughs":  bomb + `<NFuseProtocol version="5.4"><RequestCapabilities>&c;</RequestCapabilities></NFuseProtocol>`,
		"external entity": `<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]><NFuseProtocol version="5.4"><RequestServerFarmData>&x;</RequestServerFarmData></NFuseProtocol>`,
		"unused entities": bomb + `<NFuseProtocol version="5.4"><RequestServerFarmData/></NFuseProtocol>`,
		"nested":          `<NFuseProtocol version="5.4">` + strings.Repeat("<a>", 99) + strings.Repeat("</a>", 99) + `<RequestServerFarmData/></NFuseProtocol>`,
		"deep":            strings.Repeat("<NFuseProtocol>", 10_000),
		"wide":            `<NFuseProtocol version="5.4"><RequestServerFarmData>` + strings.Repeat("<a/>", 100_000) + `</RequestServerFarmData></NFuseProtocol>`,
		"endless":         `<NFuseProtocol version="5.4"><RequestAppData>` + strings.Repeat("a", 2<<20),
	} {
		for _, path := range []string{"/scripts/wpnbr.dll", "/scripts/ctxsta.dll"} {
			a := s.refused(t, &id, "POST", s.clientURL(path), body, []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, "Content-Type", "text/xml")
			if strings.Contains(a.Body, "root:") || strings.Contains(a.Body, "lollol") {
				t.Errorf("%s: got %s", name, a.Body)
			}
		}
	}
	a, err := ask(t, s.client(&id), "POST", s.clientURL("/scripts/wpnbr.dll"), `<NFuseProtocol version="5.4"><RequestServerFarmData/></NFuseProtocol>`, "Content-Type", "text/xml")
	if err != nil || a.Status != http.StatusOK || !strings.Contains(a.Body, "example") {
		t.Errorf("a good body got %d %s (%v)", a.Status, a.Body, err)
	}
}

// assertedIdentity: who has shown neither a key nor the certificate of a front end speaks
// for no user: not in JSON, and in XML neither by an asserted identity nor for the STA.
func (s *secured) assertedIdentity(t *testing.T) {
	t.Helper()
	wrong := s.ids[stolen]
	for _, id := range []*identity{nil, &wrong} {
		s.refused(t, id, "POST", s.clientURL("/storefront/v1/resources"), `{"user":"alice"}`, unauthorized)
		s.refused(t, id, "POST", s.clientURL("/storefront/v1/sessions"), `{"user":"alice","resource":"desktop:office"}`, unauthorized)
		asserted := `<NFuseProtocol version="5.4"><RequestAppData><Scope traverse="subtree"/><DesiredDetails>defaults</DesiredDetails><Credentials><ID type="SAM">example\alice</ID></Credentials></RequestAppData></NFuseProtocol>`
		a, err := ask(t, s.client(id), "POST", s.clientURL("/scripts/wpnbr.dll"), asserted, "Content-Type", "text/xml")
		if err != nil || strings.Contains(a.Body, "<InName>") || !strings.Contains(a.Body, "<ErrorId>") {
			t.Errorf("an asserted user got %d %s (%v), want an ErrorId", a.Status, a.Body, err)
		}
		sta := `<CtxSTAProtocol version="4.0"><RequestTicket><AllowedTicketType>STA-v4</AllowedTicketType><AllowedAuthorityIDType>STA-v1</AllowedAuthorityIDType><TicketData><Value name="CGPAddress">x:2598</Value></TicketData></RequestTicket></CtxSTAProtocol>`
		a, err = ask(t, s.client(id), "POST", s.clientURL("/scripts/ctxsta.dll"), sta, "Content-Type", "text/xml")
		if err != nil || strings.Contains(a.Body, "<Ticket>") {
			t.Errorf("the STA gave a stranger %d %s (%v)", a.Status, a.Body, err)
		}
	}
	front := s.ids[frontName]
	if a, err := ask(t, s.client(&front), "POST", s.clientURL("/storefront/v1/resources"), `{"user":"alice"}`); err != nil || a.Status != http.StatusOK {
		t.Errorf("the front end got %d %s (%v)", a.Status, a.Body, err)
	}
}

// A configuration that is small on the wire and huge when unpacked fails its sync at a
// bound, costs a bounded amount of memory, and leaves the site that was in use.
func TestZipBombAsConfiguration(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	m := newImpostor(t, s)
	s.up()
	before := resident(t, s.zone[0].process)
	for name, c := range map[string]struct {
		part func(object []byte) []byte
		says string
	}{
		"one object without end": {func([]byte) []byte { return bytes.Repeat([]byte("x"), 1<<20) }, "an object is larger than"},
		"objects without end":    {func(object []byte) []byte { return bytes.Repeat(object, 1<<10) }, "or more, the header says"},
	} {
		t.Run(name, func(t *testing.T) { s.trySpoiled(t, m, configured(s.streamed(inflate(c.part, 1<<8))), c.says) })
	}
	grown := peak(t, s.zone[0].process) - before
	t.Logf("%d MB more, from %d MB", grown>>20, before>>20)
	if grown > 150<<20 {
		t.Errorf("it took %d MB", grown>>20)
	}
	s.launches("alice", "desktop:office")
}

// peak is the most memory that a process has had.
func peak(t testing.TB, p *process) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	must(t, err)
	var kilobytes int64
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	_, err = fmt.Sscan(rest, &kilobytes)
	must(t, err)
	return kilobytes << 10
}

// inflate puts something behind the header of a configuration, made of the first object,
// so and so often. It is made while it is packed: nobody ever has it as a whole.
func inflate(of func(object []byte) []byte, times int) func([]byte) []byte {
	return func(stream []byte) []byte {
		reader, err := zstd.NewReader(bytes.NewReader(stream))
		if err != nil {
			return nil
		}
		defer reader.Close()
		plain, err := io.ReadAll(reader)
		header, rest, found := bytes.Cut(plain, []byte("\n"))
		object, _, _ := bytes.Cut(rest, []byte("\n"))
		if err != nil || !found {
			return nil
		}
		var out bytes.Buffer
		writer, err := zstd.NewWriter(&out)
		if err != nil {
			return nil
		}
		_, _ = writer.Write(append(header, '\n'))
		part := of(append(object, '\n'))
		for range times {
			_, _ = writer.Write(part)
		}
		_, _ = writer.Write(rest)
		_ = writer.Close()
		return out.Bytes()
	}
}
