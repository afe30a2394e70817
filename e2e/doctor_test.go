//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"understudy/doctor"
	"understudy/wire"
)

// examined is what `understudy doctor` says of a unit's file.
type examined struct {
	doctor.Report
	result
}

// examine runs doctor on the unit's host, where the process runs or not.
func (u *unit) examine(change ...func(*command)) examined {
	u.stand.t.Helper()
	c := command{
		Name: "doctor of " + u.name, Host: u.host,
		Args: []string{"doctor", u.kind, "--config", u.file(), "-o", "json", "--patience", "2s"},
	}
	for _, f := range change {
		f(&c)
	}
	e := examined{result: execute(u.stand.t, c)}
	if err := json.Unmarshal([]byte(e.Out), &e.Report); err != nil {
		u.stand.t.Fatalf("doctor of %s: exit %d, %v: %s%s", u.name, e.Code, err, e.Out, e.Stderr)
	}
	return e
}

// finds fails the test unless there is such a finding, with a remedy that names what it
// is about.
func (e examined) finds(t testing.TB, name, detail, remedy string) {
	t.Helper()
	for _, f := range e.Findings {
		if f.Name == name && strings.Contains(f.About+" "+f.Detail, detail) {
			if !strings.Contains(f.Remedy, remedy) {
				t.Errorf("%s: the remedy is %q, want %q in it", name, f.Remedy, remedy)
			}
			if f.Result == doctor.Error && e.Code == 0 {
				t.Errorf("%s: it ended with 0", name)
			}
			return
		}
	}
	t.Errorf("%s about %q is not found in\n%s", name, detail, e.wrong())
}

// wrong is what is found, but for those names.
func (e examined) wrong(but ...string) string {
	var text strings.Builder
	for _, f := range e.Findings {
		if f.Remedy != "" && !slices.Contains(but, f.Name) {
			fmt.Fprintf(&text, "%s %s: %s: %s\n", f.Result, f.Name, f.About, f.Detail)
		}
	}
	return text.String()
}

// TestDoctor: "preflight and diagnosis on the host", on a zone that is set up, started
// and spoilt: before the first start, beside a process that goes on undisturbed, with a
// busy port, a wrong token, another zone and site, a wrong key, and open files.
func TestDoctor(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 2)
	first := s.zone[0]
	s.write(first.name+".yaml", first.text())
	s.cloud.start()
	s.apply()
	t.Run("preflight", func(t *testing.T) {
		e := first.examine()
		if e.Code != 0 || e.Running || e.wrong("peer_off") != "" {
			t.Errorf("got exit %d, running %t, and\n%s", e.Code, e.Running, e.wrong())
		}
		e.finds(t, "peer_off", "cc02.example.test, peer port", "7489")
		if _, err := os.Stat(first.data()); err == nil {
			t.Error("doctor has made the data folder")
		}
	})
	t.Run("busy port", func(t *testing.T) {
		l, err := net.Listen("tcp", first.ip+":7489")
		must(t, err)
		defer l.Close()
		first.examine().finds(t, "port_busy", "listen.peer", first.ip+":7489")
	})
	for _, u := range append(slices.Clone(s.zone), s.desktops...) {
		u.start()
	}
	s.isNormal()
	first.twoCouldServe()
	t.Run("diagnosis", func(t *testing.T) { s.diagnose(t, first) })
	t.Run("spoilt", func(t *testing.T) { s.spoil(t, first) })
}

// twoCouldServe waits until a connector of two has nothing to say about the other.
func (u *unit) twoCouldServe() {
	u.stand.t.Helper()
	u.admin().Shows(step, "two that could serve", func(v wire.Status) error {
		if strings.Contains(strings.Join(v.Missing, ""), "could") {
			return fmt.Errorf("missing %v", v.Missing)
		}
		return nil
	})
}

// diagnose: doctor finds nothing wrong beside a process that runs, and leaves no trace.
func (s *stand) diagnose(t *testing.T, u *unit) {
	t.Helper()
	before := listing(t, u.data())
	e := u.examine()
	if e.Code != 0 || !e.Running || e.wrong("gate_closed", "missing") != "" {
		t.Errorf("got exit %d, running %t, and\n%s", e.Code, e.Running, e.wrong())
	}
	e.finds(t, "gate_closed", "", "participation")
	if after := listing(t, u.data()); !slices.Equal(after, before) {
		t.Errorf("the data folder had %v and has %v", before, after)
	}
	for _, c := range s.zone {
		if v, err := c.admin().Status(); err != nil || v.Gate.Open {
			t.Errorf("%s took doctor for a StoreFront: gate %+v, %v", c.name, v.Gate, err)
		}
		if strings.Contains(c.Log(), "peer_lost") {
			t.Errorf("%s has lost a peer", c.name)
		}
	}
	d := s.desktops[0].examine()
	if d.Code != 0 || d.wrong() != "" {
		t.Errorf("the desktop: exit %d, and\n%s", d.Code, d.wrong())
	}
	if c := s.cloud.examine(); c.Code != 0 || c.wrong() != "" {
		t.Errorf("the cloud broker: exit %d, and\n%s", c.Code, c.wrong())
	}
}

// listing is what is in a folder; write-ahead logs come and go.
func listing(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "state.db-") && !strings.HasPrefix(e.Name(), "building-") {
			names = append(names, e.Name())
		}
	}
	return names
}

// spoil has doctor find each fault of files that are not as those of the process, which
// runs on.
func (s *stand) spoil(t *testing.T, u *unit) {
	t.Helper()
	good := u.text()
	file := func(old, new string) func(*command) {
		return func(c *command) {
			c.Args[3] = s.write("spoilt.yaml", strings.Replace(good, old, new, 1))
		}
	}
	s.write("wrong.token", "connectors-of-nowhere-0001\n")
	for _, k := range []struct {
		name, old, new, detail, remedy string
	}{
		{"token_refused", "connector.token", "wrong.token", "Unauthorized", "wrong.token"},
		{"forbidden", "connector.token", "admin.token", "admin", "role `connector`"},
		{"other_zone", "zone: berlin", "zone: munich", "cloud broker", "site apply"},
		{"other_zone", "zone: berlin", "zone: munich", "peer cc02.example.test, peer port", "site apply"},
		{"other_site", "site: example", "site: another", `serves site "example"`, "`site`"},
		{"config_fault", "sync: {interval: 1s}", "sink: {interval: 1s}", "sink: unknown key", "docs/configuration.md"},
	} {
		t.Run(k.name, func(t *testing.T) { u.examine(file(k.old, k.new)).finds(t, k.name, k.detail, k.remedy) })
	}
	t.Run("all faults at once", func(t *testing.T) {
		e := u.examine(file("site: example", "sight: example\nlog: {level: loud}"))
		e.finds(t, "config_fault", "sight: unknown key", "")
		e.finds(t, "config_fault", "log.level", "")
		if e.Code != 78 {
			t.Errorf("got exit %d, want 78", e.Code)
		}
	})
	t.Run("modes", func(t *testing.T) { s.spoilModes(t, u) })
}

// spoilModes: "keys, tokens and users files readable by others or group-writable".
func (s *stand) spoilModes(t *testing.T, u *unit) {
	t.Helper()
	for _, k := range []struct {
		path        string
		mode        os.FileMode
		name, chmod string
	}{
		{filepath.Join(s.dir, "connector.token"), 0o644, "secret_readable", "chmod g-w,o="},
		{filepath.Join(s.dir, "connector.token"), 0o660, "file_writable", "chmod 0640"},
		{filepath.Join(u.data(), "admin.token"), 0o604, "secret_readable", "chmod g-w,o="},
		{u.file(), 0o666, "file_writable", "chmod 0644"},
		{u.data(), 0o755, "folder_open", "chmod 0700"},
	} {
		info, err := os.Stat(k.path)
		must(t, err)
		must(t, os.Chmod(k.path, k.mode))
		e := u.examine()
		must(t, os.Chmod(k.path, info.Mode().Perm()))
		e.finds(t, k.name, k.path, k.chmod)
		e.finds(t, k.name, k.path, k.path)
	}
}
