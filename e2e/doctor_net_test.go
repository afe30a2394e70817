//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestDoctorNetwork: "a firewall that drops a port" is told from a host that refuses,
// from one that nobody reaches, and from TLS that fails, with port and direction.
func TestDoctorNetwork(t *testing.T) {
	t.Parallel()
	s := newSecured(t, 2, 1)
	s.up()
	first, second := s.zone[0], s.zone[1]
	first.twoCouldServe()
	t.Run("whole", func(t *testing.T) {
		for _, u := range []*unit{first, s.desktops[0], s.cloud} {
			if e := u.examine(); e.wrong("gate_closed", "missing") != "" {
				t.Errorf("%s:\n%s", u.name, e.wrong())
			}
		}
	})
	for _, k := range []struct {
		filter               filter
		at                   *host
		name, detail, remedy string
	}{
		{filter{port: standPeer}, second.host, "port_dropped", "from this host to cc02.example.test port 7489", "allow TCP port 7489 from this host to cc02.example.test"},
		{filter{port: standClient}, second.host, "port_dropped", "from this host to cc02.example.test port 7480", "allow TCP port 7480"},
		{filter{port: standCloud}, s.remote, "port_dropped", "cloud broker", "allow TCP port 7443 from this host to cloud.example.test"},
		{filter{port: standCloud, reset: true}, s.remote, "port_refused", "cloud broker", "port 7443"},
		{filter{port: standPeer, reset: true}, second.host, "peer_off", "peer port", "port 7489"},
	} {
		t.Run(k.name+" "+k.remedy, func(t *testing.T) {
			k.at.Filter(k.filter)
			defer k.at.Heal()
			first.examine().finds(t, k.name, k.detail, k.remedy)
		})
	}
	t.Run("the way back", func(t *testing.T) { s.oneWay(t) })
	t.Run("desktop", func(t *testing.T) {
		for _, c := range s.zone {
			c.host.Filter(filter{from: s.desktops[0].host, port: standClient})
			defer c.host.Heal()
		}
		e := s.desktops[0].examine()
		e.finds(t, "port_dropped", "cc02.example.test", "allow TCP port 7480 from this host")
		e.finds(t, "no_connector", "cc01.example.test", "register with nobody")
	})
	t.Run("files", func(t *testing.T) { s.spoilTLS(t) })
}

// oneWay: a firewall at this host, which keeps a peer out, is seen by what the running
// connector hears.
func (s *secured) oneWay(t *testing.T) {
	t.Helper()
	first, second := s.zone[0], s.zone[1]
	first.host.nft("add table inet cut\nadd chain inet cut in { type filter hook input priority 0; }\n" +
		"add rule inet cut in ip saddr " + second.host.Address + " tcp dport 7489 drop\n")
	defer first.host.Heal()
	eventually(t, turn, "doctor sees that the way back is closed", func() error {
		e := first.examine()
		for _, f := range e.Findings {
			if f.Name == "peer_silent" && strings.Contains(f.Remedy, "port 7489 from cc02.example.test to this host") && !strings.Contains(e.wrong(), "port_dropped") {
				return nil
			}
		}
		return fmt.Errorf("it finds\n%s", e.wrong())
	})
}

// spoilTLS has doctor find what is wrong with files of TLS and with names.
func (s *secured) spoilTLS(t *testing.T) {
	t.Helper()
	first := s.zone[0]
	good, stranger := first.text(), newAuthority(t).Issue(first.name)
	for _, k := range []struct {
		name, old, new, detail, remedy string
	}{
		{"tls_name", "{fqdn: cc02.example.test", "{fqdn: cc07.example.test", "peer cc07.example.test, peer port", "DNS name cc07.example.test"},
		{"tls_authority", s.cloudCA.File, s.zoneCA.File, "cloud broker", "`cloud.ca_file`"},
		{"tls_refused", first.guard, s.guard(stranger), "peer cc02.example.test, peer port", "`tls.ca_file` on cc02.example.test"},
		{"cert_untrusted", first.guard, s.guard(stranger), "unknown authority", s.zoneCA.File},
		{"key_mismatch", s.ids[first.name].KeyFile, stranger.KeyFile, "private key does not match", stranger.KeyFile},
		{"cert_name", "fqdn: cc01.example.test\n", "fqdn: cc07.example.test\n", "is for cc01.example.test", "cc07.example.test"},
		{"own_name_unknown", "fqdn: cc01.example.test\n", "fqdn: cc07.example.test\n", "", "cc07.example.test"},
		{"name_unknown", "https://cloud.example.test:7443", "https://clod.example.test:7443", "cloud broker", "`cloud.url`"},
		{"host_unreachable", `"https://cc02.example.test:7489"`, `"https://203.0.113.7:7489"`, "203.0.113.7 port 7489", "routes"},
	} {
		t.Run(k.name, func(t *testing.T) {
			file := s.write("spoilt.yaml", strings.Replace(good, k.old, k.new, 1))
			first.examine(func(c *command) { c.Args[3] = file }).finds(t, k.name, k.detail, k.remedy)
		})
	}
}

// TestDoctorClock: "clock against the cloud's and peers' Date header", on a host whose
// clock is wrong.
func TestDoctorClock(t *testing.T) {
	t.Parallel()
	path, err := buildClock()
	must(t, err)
	s := newPlainStand(t, 1)
	s.cloud.start()
	s.apply()
	u := s.zone[0]
	s.write(u.name+".yaml", u.text())
	at := func(offset string) func(*command) {
		return func(c *command) {
			c.Path, c.Env = path, []string{"UNDERSTUDY_CLOCK=" + s.write("offset", offset)}
		}
	}
	u.examine(at("90s")).finds(t, "clock_differs", "is 1m30s ahead of", "certificates")
	u.examine(at("-1h")).finds(t, "clock_differs", "is 1h0m0s behind", "timedatectl")
	if e := u.examine(at("2s")); strings.Contains(e.wrong(), "clock_differs") {
		t.Errorf("two seconds are told of:\n%s", e.wrong())
	}
}

// TestDoctorDisk: "disk (free space against twice the snapshot + journal limit,
// writable …)", on a small disk that is filled.
func TestDoctorDisk(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	u := s.zone[0]
	s.write(u.name+".yaml", u.text())
	must(t, os.Mkdir(u.data(), 0o700))
	v := newVolume(t, u.data(), 80<<10)
	inside := func(c *command) { *c = v.inside(*c) }
	e := u.examine(inside)
	e.finds(t, "disk_small", u.data(), "journal.limit")
	e.finds(t, "disk_volatile", "tmpfs", u.data())
	v.fill(1024)
	u.examine(inside).finds(t, "disk_full", "1024 KiB free", "free space")
	v.free()
	v.fill(0)
	u.examine(inside).finds(t, "not_writable", "no space left", u.data())
	v.free()
	left, err := os.ReadDir(v.seen(u.data()))
	if err != nil || len(left) > 0 {
		t.Errorf("doctor has left %v (%v)", left, err)
	}
}
