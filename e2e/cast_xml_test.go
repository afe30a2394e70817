//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
)

// passwords makes each of the users known to all connectors, with the password
// NAME-secret, in the way of docs/xml-service.md.
func (c *cast) passwords(users ...string) {
	c.t.Helper()
	var file strings.Builder
	for _, user := range users {
		r := execute(c.t, command{Name: "hash", Path: "sh", Args: []string{"-c", `printf '%s\n' "$1-secret" | "$0" credentials hash "$1" staff`, binary(c.t), user}})
		if r.Code != 0 {
			c.t.Fatalf("hash: exit code %d: %s", r.Code, r.Stderr)
		}
		file.WriteString(r.Out)
	}
	c.write("passwords", file.String())
	c.more += "credentials: {local_file: passwords}\n"
}

// inXML is a request to the XML Service of a connector by a user, around what it wants.
func (c *cast) inXML(p *player, user, kind, wants string) (answered, error) {
	c.t.Helper()
	body := fmt.Sprintf(`<NFuseProtocol version="5.4"><%s>%s<Credentials><UserName>%s</UserName><Password encoding="cleartext">%s-secret</Password></Credentials></%s></NFuseProtocol>`,
		kind, wants, user, user, kind)
	return ask(c.t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/scripts/wpnbr.dll", body, "Content-Type", "text/xml")
}

// saysXML fails the test unless the answer to that has all of what it wants.
func (c *cast) saysXML(p *player, user, kind, wants string, has ...string) string {
	c.t.Helper()
	a, err := c.inXML(p, user, kind, wants)
	if err != nil || a.Status != http.StatusOK {
		c.t.Fatalf("%s of %s: got %d %s (%v)", kind, user, a.Status, a.Body, err)
	}
	for _, text := range has {
		if !strings.Contains(a.Body, text) {
			c.t.Errorf("%s of %s: got %s, want %s", kind, user, a.Body, text)
		}
	}
	return a.Body
}

// launchesXML: as the site's StoreFronts do it, carol is shown what she may have and gets
// it from the elected connector, with a ticket and until she is logged off; the other
// one refuses her at once (LHC-22). The desktop that she had is returned.
func (c *cast) launchesXML(t *testing.T) site.FQDN {
	t.Helper()
	elected := c.players[0]
	c.saysXML(elected, "carol", "RequestAppData", `<Scope traverse="subtree"/><DesiredDetails>defaults</DesiredDetails>`, "<InName>desktop:pool</InName>")
	const pool = `<ServerAddress addresstype="dns-port"/><Name><AppName>desktop:pool</AppName></Name>`
	body := c.saysXML(elected, "carol", "RequestAddress", pool, ":3389</ServerAddress>")
	tag := regexp.MustCompile("<TicketTag>[^<]+</TicketTag>").FindString(body)
	body = c.saysXML(elected, "carol", "RequestTicket", "<TicketType>CtxLogon</TicketType>"+tag)
	if !regexp.MustCompile("<Ticket>[0-9A-F]{30}</Ticket>").MatchString(body) {
		t.Errorf("got %s for %q, want a ticket of 30 digits", body, tag)
	}
	var machine site.FQDN
	c.sessionOf(t, "carol", func(s *wire.SessionStatus) bool {
		if s != nil {
			machine = s.Machine
		}
		return s != nil && s.State == wire.Active
	})
	a, err := c.inXML(c.players[1], "carol", "RequestAddress", pool)
	if err != nil || a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Body, "<ErrorId>service-unavailable</ErrorId>") || strings.Contains(a.Body, "<TicketTag>") {
		t.Errorf("%s: got %d %s (%v), want service-unavailable", c.players[1].name, a.Status, a.Body, err)
	}
	c.saysXML(elected, "carol", "RequestLogoffUserSessions", "", "<ResponseLogoffUserSessions>")
	c.sessionOf(t, "carol", func(s *wire.SessionStatus) bool { return s == nil })
	return machine
}

// sessionOf waits until the user's session, nil for none, is as wanted.
func (c *cast) sessionOf(t *testing.T, user string, fits func(*wire.SessionStatus) bool) {
	t.Helper()
	eventually(t, act, "the session of "+user, func() error {
		list, err := c.players[0].client().Sessions(t.Context())
		if err != nil {
			return err
		}
		var found *wire.SessionStatus
		for _, s := range list.Items {
			if s.User == user {
				found = &s
			}
		}
		if !fits(found) {
			return fmt.Errorf("it is %+v", found)
		}
		return nil
	})
}
