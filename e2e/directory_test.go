//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// LHC-43, LHC-16: a directory that goes down in an outage ends neither the outage nor
// sessions. Who it knows is told that the service cannot check him, not that his password
// is wrong; who a file knows and whom a StoreFront vouches for are served; and when the
// directory is back nothing has to be started again.
func TestDirectoryGoesDownInAnOutage(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:2]
	slapd := startDirectory(t)
	c.passwords("carol")
	c.more = strings.Replace(slapd.section, "credentials:\n", "credentials:\n  local_file: passwords\n", 1)
	c.write("cloud.yaml", c.cloudFile("cloud"))
	c.startCloud()
	c.publish()
	c.open()
	c.outage()
	elected := c.players[0]
	const apps = `<Scope traverse="subtree"/><DesiredDetails>defaults</DesiredDetails>`
	c.saysXML(elected, "alice", "RequestAppData", apps, "<InName>desktop:office</InName>")
	held := c.served(act, "bob", "desktop:pool")

	slapd.Kill()
	a, err := c.inXML(elected, "alice", "RequestAppData", apps)
	if err != nil || !strings.Contains(a.Body, "<ErrorId>service-unavailable</ErrorId>") {
		t.Errorf("without its directory alice got %d %s (%v), want service-unavailable", a.Status, a.Body, err)
	}
	c.saysXML(elected, "carol", "RequestAppData", apps, "<InName>desktop:pool</InName>")
	c.served(act, "alice", "desktop:office")
	if err := c.seated(held); err != nil {
		t.Error(err)
	}
	s, err := elected.Status()
	if err != nil || !s.State.HA() || !s.Election.Serving {
		t.Errorf("got %+v (%v), want an outage that goes on", s, err)
	}

	slapd.run(t)
	eventually(t, act, "the directory's users are let in again", func() error {
		a, err := c.inXML(elected, "alice", "RequestAppData", apps)
		if err == nil && (a.Status != http.StatusOK || !strings.Contains(a.Body, "<InName>desktop:office</InName>")) {
			err = fmt.Errorf("got %d %s", a.Status, a.Body)
		}
		return err
	})
}
