//go:build linux

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/events"
	"understudy/wire"
)

// team is a zone with accounts; each has the file of its token.
type team struct {
	*stand
	tokens map[string]string
}

func newTeam(t *testing.T) *team {
	t.Helper()
	m := &team{newPlainStand(t, 1), map[string]string{}}
	m.hire("vera", "viewer")
	m.hire("gina", "operator", "--groups", "office")
	m.hire("olaf", "operator", "--zones", "berlin")
	for _, u := range append(m.zone, m.cloud) {
		u.more = "admin_users_file: admins"
	}
	m.up()
	return m
}

func (m *team) admins() string { return filepath.Join(m.dir, "admins") }

// hire makes an account and keeps its token.
func (m *team) hire(name, role string, limits ...string) {
	m.t.Helper()
	r := understudy(m.t, append([]string{"admin", "add", name, "--role", role, "--file", m.admins()}, limits...)...)
	must(m.t, r.failure())
	m.tokens[name] = m.write(name+".token", r.Out)
}

// asks runs a command at the connector in somebody's name.
func (m *team) asks(name string, args ...string) result {
	m.t.Helper()
	return understudy(m.t, append(args, "--connector", "unix:"+m.zone[0].socket(), "--token-file", m.tokens[name])...)
}

// publishes runs a command at the cloud broker in somebody's name.
func (m *team) publishes(name string, args ...string) result {
	m.t.Helper()
	return understudy(m.t, append(args, "--cloud", m.cloud.url(7443), "--token-file", m.tokens[name])...)
}

func (m *team) judge(what string, r result, code int, says string) {
	m.t.Helper()
	if r.Code != code || !strings.Contains(r.Out+r.Stderr, says) {
		m.t.Errorf("%s: exit %d, want %d and %q in\n%s%s", what, r.Code, code, says, r.Out, r.Stderr)
	}
}

// TestRoles: VPN-04, PX-21, "viewer, operator, and an operator limited to delivery groups
// or zones; every change is an event with who, from where, what", with the real binary.
func TestRoles(t *testing.T) {
	t.Parallel()
	m := newTeam(t)
	const needsOperator = "you are vera, viewer: this needs an operator"
	m.judge("a viewer looks", m.asks("vera", "status"), 0, "berlin")
	m.judge("a viewer forces", m.asks("vera", "outage", "force"), 77, needsOperator)
	m.judge("a viewer drains", m.asks("vera", "election", "drain"), 77, needsOperator)
	m.judge("a viewer sets a group", m.publishes("vera", "group", "set", "office", "--site", "example", "--max-sessions", "5"), 77, needsOperator)
	m.judge("whoami", m.asks("gina", "whoami"), 0, "office")

	m.judge("an operator of the group sets it", m.publishes("gina", "group", "set", "office", "--site", "example", "--max-sessions", "5"), 0, "max_sessions")
	m.judge("she sets another", m.publishes("gina", "group", "set", "pool", "--site", "example", "--max-sessions", "5"), 1, "office")
	m.judge("she publishes everything", m.publishes("gina", "site", "apply", m.siteFile()), 77, "you are gina, operator for delivery group office")
	m.judge("she forces", m.asks("gina", "outage", "force"), 77, "not limited to less than the whole zone berlin")
	eventually(t, step, "the connector has the group as she set it", func() error { return m.sees("gina", 5, "office") })
	if err := m.sees("vera", 5, "office", "pool"); err != nil {
		t.Error(err)
	}

	m.judge("an operator of the zone forces", m.asks("olaf", "outage", "force", "--reason", "drill"), 0, "Forced by olaf")
	m.judge("he clears", m.asks("olaf", "outage", "clear", "--reason", "done"), 0, "")
	must(t, understudy(t, "admin", "remove", "olaf", "--file", m.admins()).failure())
	m.judge("who is no account any more publishes", m.publishes("olaf", "site", "apply", m.siteFile()), 1, "does not know the token")
	m.events()
}

// sees judges the groups that somebody is shown; the first has that limit.
func (m *team) sees(name string, limit int, groups ...string) error {
	m.t.Helper()
	r := m.asks(name, "group", "list", "-o", "json")
	if err := r.failure(); err != nil {
		return err
	}
	var list wire.GroupList
	if err := json.Unmarshal([]byte(r.Out), &list); err != nil {
		return err
	}
	var names []string
	for _, g := range list.Items {
		names = append(names, g.Name)
		if g.Name == groups[0] && g.MaxSessions != limit {
			return fmt.Errorf("%s has the limit %d", g.Name, g.MaxSessions)
		}
	}
	if got, want := strings.Join(names, " "), strings.Join(groups, " "); got != want {
		return fmt.Errorf("%s sees %s, want %s", name, got, want)
	}
	return nil
}

// events judges what is told of who did what.
func (m *team) events() {
	m.t.Helper()
	r := understudy(m.t, "events", "--kind", "admin_order,admin_refused", "-o", "json", "--connector", "unix:"+m.zone[0].socket())
	must(m.t, r.failure())
	var told []string
	for d := json.NewDecoder(strings.NewReader(r.Out)); ; {
		var e events.Entry
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			m.t.Fatalf("%v in %s", err, r.Out)
		}
		if from, _ := e.Fields["from"].(string); !strings.HasPrefix(from, "unix socket, ") {
			m.t.Errorf("from where: %+v", e)
		}
		told = append(told, fmt.Sprintf("%v: %v, %v", e.Fields["who"], e.Fields["what"], e.Fields["result"]))
	}
	want := []string{
		"vera: POST /admin/v1/outage, forbidden", "vera: POST /admin/v1/election, forbidden", "gina: POST /admin/v1/outage, forbidden",
		"olaf: POST /admin/v1/outage force, done", "olaf: POST /admin/v1/outage clear, done",
	}
	if got, want := strings.Join(told, "\n"), strings.Join(want, "\n"); got != want {
		m.t.Errorf("told of\n%s\nwant\n%s", got, want)
	}
	for _, line := range []string{`"what":"PUT /cloud/v1/sites/example","who":"gina"`, `"event":"admin_refused"`, "published by gina"} {
		if !strings.Contains(m.cloud.Log(), line) {
			m.t.Errorf("the cloud broker's log has no %s in\n%s", line, m.cloud.Log())
		}
	}
	m.silent()
}

// silent: no token is in a log or in the file of accounts.
func (m *team) silent() {
	m.t.Helper()
	list, err := os.ReadFile(m.admins())
	must(m.t, err)
	for name, file := range m.tokens {
		token, err := os.ReadFile(file)
		must(m.t, err)
		if strings.Contains(string(list)+m.cloud.Log()+m.zone[0].Log(), strings.TrimSpace(string(token))) {
			m.t.Errorf("the token of %s is in a log, or in the file", name)
		}
	}
}
