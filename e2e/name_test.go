//go:build linux

package e2e_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"understudy/events"
	"understudy/wire"
)

// nameServer runs the real BIND for example.test on loopback, where the key may change
// berlin.example.test.
func nameServer(t *testing.T, s *stand) (port int) {
	t.Helper()
	needTool(t, "named", "bind9")
	needTool(t, "dig", "bind9-dnsutils")
	path, err := exec.LookPath("named")
	if err != nil {
		t.Fatal(err)
	}
	port = freePort(t, "127.0.0.1")
	s.write("zone.key", "key \"zone-berlin\" { algorithm hmac-sha256; secret \"c2VjcmV0LW9mLXRoZS16b25lLW9mLWJlcmxpbg==\"; };\n")
	s.write("example.test.zone", "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\n")
	file := s.write("named.conf", strings.NewReplacer("DIR", s.dir, "PORT", fmt.Sprint(port)).Replace(`
include "DIR/zone.key";
controls { };
options {
	directory "DIR"; pid-file "DIR/named.pid"; session-keyfile "DIR/named.session"; listen-on port PORT { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; dnssec-validation no; empty-zones-enable no; notify no;
};
zone "example.test" {
	type primary; file "example.test.zone";
	update-policy { grant zone-berlin name berlin.example.test A AAAA CNAME; };
};
`))
	start(t, command{Name: "named", Path: path, Args: []string{"-g", "-n", "1", "-c", file}})
	return port
}

// REP-03: "Across segments: DNS is changed." With the real binary and the real BIND: the
// name leads to the elected connector, through a kill, its return and a stop; on_elected is
// run beside it.
func TestNameFollowsTheElected(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 2)
	port := nameServer(t, s)
	for _, k := range s.zone {
		k.more = fmt.Sprintf("dns: {server: \"127.0.0.1:%d\", zone: example.test, name: berlin.example.test, addresses: [%s], ttl: 1s, key_file: zone.key}\n"+
			"hooks: {on_elected: [/bin/sh, -c, 'echo $UNDERSTUDY_ZONE has $UNDERSTUDY_CONNECTOR']}", port, k.ip)
	}
	s.up()
	leads := func(to *unit) {
		t.Helper()
		eventually(t, turn, "the name leads to "+to.name, func() error {
			out, err := exec.CommandContext(t.Context(), "dig", "+short", "+time=1", "+tries=1", "-p", fmt.Sprint(port), "@127.0.0.1", "berlin.example.test", "A").Output()
			if err != nil {
				return err
			}
			if got := strings.TrimSpace(string(out)); got != to.ip {
				return fmt.Errorf("got %q", got)
			}
			return nil
		})
	}
	first, second := s.zone[0], s.zone[1]
	leads(first)
	first.raised(events.NameMoved, "berlin.example.test is "+first.ip)
	first.raised(events.HookDone, "/bin/sh")
	if !strings.Contains(first.Log(), "berlin has "+first.name) {
		t.Errorf("the log of %s lacks what on_elected printed", first.name)
	}
	first.Kill()
	leads(second)
	first.start()
	leads(first)
	first.Stop(step)
	leads(second)
	second.admin().Shows(step, "that the hooks went well", func(v wire.Status) error {
		if len(v.Hooks) != 2 || !v.Hooks[0].OK || !v.Hooks[1].OK {
			return fmt.Errorf("got %+v", v.Hooks)
		}
		return nil
	})
	if strings.Contains(first.Log()+second.Log(), "c2VjcmV0") {
		t.Errorf("a log in %s has the key", filepath.Dir(first.log))
	}
}
