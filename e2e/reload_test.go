//go:build linux

package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"understudy/trust"
)

// TestReload moves a running zone to another authority: "Certificates and keys reload
// without a restart or a dropped connection".
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSecuredStand(t, 1)
	s.write("front.keys", "gateway "+trust.HashOf("a-key-that-a-gateway-shows").String()+"\n")
	c, d := s.zone[0], s.desktops[0]
	c.more = "storefront_keys_file: front.keys"
	s.up()
	first := s.launches("alice", "desktop:office")

	front := s.ids[frontName]
	open := s.client(&front)
	s.beats(t, open, false)
	was, is := s.contents(s.zoneCA.File), newAuthority(t)
	s.put(t, s.zoneCA.File, was+s.contents(is.File))
	s.hangUp(t, 1, c, d)
	for _, name := range []string{c.name, d.name, frontName} {
		fresh := is.Issue(name)
		s.put(t, s.ids[name].CertFile, s.contents(fresh.CertFile))
		s.put(t, s.ids[name].KeyFile, s.contents(fresh.KeyFile))
	}
	s.hangUp(t, 2, c, d)
	s.beats(t, open, true)
	s.put(t, s.zoneCA.File, s.contents(is.File))
	s.hangUp(t, 3, c, d)
	s.beats(t, open, true)

	if _, err := ask(t, s.client(nil), "GET", c.url(7480)+"/healthz", ""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("a new connection got %v, want a certificate of the new authority", err)
	}
	if again := s.launches("alice", "desktop:office"); again.Session != first.Session {
		t.Errorf("alice got session %s, want %s again", again.Session, first.Session)
	}
	if n := strings.Count(d.Log(), registered); n != 1 {
		t.Errorf("the desktop registered %d times, want once", n)
	}
	s.losesItsKey(t, c)
}

// registered is what a desktop agent logs with each registration.
const registered = `"msg":"registered"`

// losesItsKey: a key that is removed from the file is refused after the reload.
func (s *secured) losesItsKey(t *testing.T, c *unit) {
	t.Helper()
	known := func() int {
		r := understudy(t, "storefront", "keys", "list", "--file", s.dir+"/front.keys")
		must(t, r.failure())
		a, err := ask(t, s.trusting(t, s.zoneCA.File), "GET", c.url(7480)+"/storefront/v1/heartbeat", "", "Authorization", "Bearer a-key-that-a-gateway-shows")
		must(t, err)
		return a.Status
	}
	if got := known(); got != http.StatusOK {
		t.Errorf("with its key a gateway got %d, want 200", got)
	}
	must(t, understudy(t, "storefront", "keys", "remove", "gateway", "--file", s.dir+"/front.keys").failure())
	must(t, understudy(t, "reload", "--connector", "unix:"+c.socket()).failure())
	if got := known(); got != http.StatusUnauthorized {
		t.Errorf("with a key that was removed a gateway got %d, want 401", got)
	}
}

// beats asks for a heartbeat, by the connection that is open already if again.
func (s *secured) beats(t *testing.T, client *http.Client, again bool) {
	t.Helper()
	reused := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }})
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.zone[0].url(7480)+"/storefront/v1/heartbeat", nil)
	must(t, err)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("a heartbeat: %v", err)
	}
	_, err = io.Copy(io.Discard, resp.Body) // a connection whose answer was not read is not used again
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusOK || reused != again {
		t.Errorf("a heartbeat got %d, by the open connection %t; want 200 and %t", resp.StatusCode, reused, again)
	}
}

// hangUp sends SIGHUP, and waits until each says for the nth time that it has read its
// files.
func (s *secured) hangUp(t *testing.T, n int, units ...*unit) {
	t.Helper()
	for _, u := range units {
		was := strings.Count(u.Log(), "trust_reloaded")
		u.signal(syscall.SIGHUP)
		eventually(t, step, fmt.Sprintf("%s reads its files again (%d)", u.name, n), func() error {
			if strings.Count(u.Log(), "trust_reloaded") == was {
				return fmt.Errorf("it says nothing of it")
			}
			return nil
		})
	}
}

// trusting is a client without a certificate that trusts the authority of that file.
func (s *secured) trusting(t *testing.T, file string) *http.Client {
	t.Helper()
	secure, err := trust.New(time.Now).Client(trust.Files{CA: file})
	must(t, err)
	transport := &http.Transport{DialContext: s.front.dial, TLSClientConfig: secure()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func (s *secured) contents(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(file)
	must(s.t, err)
	return string(text)
}

// put replaces a file as a whole.
func (s *secured) put(t *testing.T, file, text string) {
	t.Helper()
	must(t, os.WriteFile(file+".new", []byte(text), 0o600))
	must(t, os.Rename(file+".new", file))
}
