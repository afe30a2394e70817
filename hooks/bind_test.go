//go:build linux

package hooks_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/hooks"
)

// bind is a real name server for example.test, on loopback.
type bind struct {
	t         *testing.T
	dir, port string
	process   *exec.Cmd
}

// need finds a program, or ends the test: as a failure in CI.
func need(t *testing.T, command, debian string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: install the Debian package %s", command, debian)
	}
	t.Skipf("%s is missing: install the Debian package %s", command, debian)
	return ""
}

func startBind(t *testing.T) *bind {
	t.Helper()
	path := need(t, "named", "bind9")
	need(t, "dig", "bind9-dnsutils")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	b := &bind{t: t, dir: t.TempDir(), port: port}
	b.write("zone.key", keyFile)
	b.write("example.test.zone", "$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A 127.0.0.1\ncc01 A 192.0.2.1\nberlin TXT \"stays\"\n")
	b.write("named.conf", strings.NewReplacer("DIR", b.dir, "PORT", port).Replace(`
include "DIR/zone.key";
controls { };
options {
	directory "DIR"; pid-file "DIR/pid"; session-keyfile "DIR/session"; listen-on port PORT { 127.0.0.1; }; listen-on-v6 { none; };
	recursion no; allow-query { any; }; dnssec-validation no; empty-zones-enable no; notify no;
};
zone "example.test" {
	type primary; file "example.test.zone";
	update-policy { grant zone-berlin name berlin.example.test A AAAA CNAME TXT; };
};
`))
	b.start(path)
	return b
}

func (b *bind) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bind) start(path string) {
	b.t.Helper()
	log, err := os.Create(filepath.Join(b.dir, "log"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	b.process = exec.Command(path, "-g", "-n", "1", "-c", filepath.Join(b.dir, "named.conf"))
	b.process.Stdout, b.process.Stderr = log, log
	if err := b.process.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = b.process.Process.Kill()
		_ = b.process.Wait()
		if text, err := os.ReadFile(log.Name()); err == nil && b.t.Failed() {
			b.t.Logf("named:\n%s", text)
		}
	})
	eventually(b.t, "named answers", func() error {
		if got := b.dig("ns.example.test", "A"); got != "127.0.0.1" {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
}

// dig asks as anybody would.
func (b *bind) dig(name, kind string) string {
	out, err := exec.CommandContext(b.t.Context(), "dig", "+short", "+time=1", "+tries=1", "-p", b.port, "@127.0.0.1", name, kind).Output()
	if err != nil {
		return err.Error()
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

// follows runs a name until the test ends, or the function is called.
func (b *bind) follows(o hooks.NameOptions) (*hooks.Name, <-chan hooks.Result) {
	told := make(chan hooks.Result, 10)
	o.Env, o.Server, o.Zone, o.Tell = env.Real(), "127.0.0.1:"+b.port, "example.test", func(r hooks.Result) { told <- r }
	if o.Name == "" {
		o.Name = "berlin.example.test"
	}
	if o.Key.Name == "" {
		o.Key = testKey()
	}
	n := hooks.NewName(o)
	ctx, stop := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.Run(ctx) }()
	b.t.Cleanup(func() { stop(); <-done })
	return n, told
}

func (b *bind) says(kind, want string) {
	b.t.Helper()
	if got := b.dig("berlin.example.test", kind); got != want {
		b.t.Errorf("%s of the name: got %q, want %q", kind, got, want)
	}
}

// REP-03, across segments, against the real BIND: the name goes from one elected
// connector to the next, whichever of A, AAAA and CNAME they have; the rest of it stays.
func TestNameAtBind(t *testing.T) {
	b := startBind(t)
	one, oneTold := b.follows(hooks.NameOptions{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, TTL: 10 * time.Second})
	two, twoTold := b.follows(hooks.NameOptions{Alias: "cc01.example.test", Refresh: 100 * time.Millisecond})
	one.Follow(elected(1))
	if r := <-oneTold; r.Err != nil || r.Detail != "berlin.example.test is 192.0.2.1, 2001:db8::1" {
		t.Fatalf("got %+v", r)
	}
	b.says("A", "192.0.2.1")
	b.says("AAAA", "2001:db8::1")
	if out, err := exec.CommandContext(t.Context(), "dig", "+noall", "+answer", "-p", b.port, "@127.0.0.1", "berlin.example.test").Output(); err != nil || strings.Fields(string(out))[1] != "10" {
		t.Errorf("got %s, %v, want 10 s to live", out, err)
	}
	b.says("TXT", `"stays"`)
	one.Follow(deposed(2))
	one.Follow(elected(3))
	if r := <-oneTold; r.Err != nil {
		t.Errorf("the same again: %v", r.Err)
	}
	one.Follow(deposed(4))
	b.nsupdate("delete berlin.example.test TXT") // an alias has nothing beside it
	two.Follow(elected(4))
	if r := <-twoTold; r.Err != nil {
		t.Fatalf("got %+v", r)
	}
	b.says("CNAME", "cc01.example.test.")
	b.nsupdate("delete berlin.example.test CNAME") // what a connector beyond a broken network does
	eventually(t, "the elected one takes it back", func() error {
		if got := b.dig("berlin.example.test", "CNAME"); got != "cc01.example.test." {
			return fmt.Errorf("got %q", got)
		}
		return nil
	})
	two.Follow(deposed(5))
	one.Follow(elected(5))
	<-oneTold
	b.says("A", "192.0.2.1")
}

// nsupdate changes the zone as its administrator does.
func (b *bind) nsupdate(change string) {
	b.t.Helper()
	cmd := exec.CommandContext(b.t.Context(), need(b.t, "nsupdate", "bind9-dnsutils"), "-k", filepath.Join(b.dir, "zone.key"))
	cmd.Stdin = strings.NewReader("server 127.0.0.1 " + b.port + "\nzone example.test\nupdate " + change + "\nsend\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("nsupdate: %v: %s", err, out)
	}
}

// What BIND refuses is said in its words.
func TestBindRefuses(t *testing.T) {
	b := startBind(t)
	for _, c := range []struct {
		name    string
		options hooks.NameOptions
		want    string
	}{
		{"another secret", hooks.NameOptions{Key: hooks.Key{Name: "zone-berlin", Algorithm: "hmac-sha256", Secret: "b3RoZXI="}}, "NOTAUTH, BADSIG"},
		{"an unknown key", hooks.NameOptions{Key: hooks.Key{Name: "zone-paris", Algorithm: "hmac-sha256", Secret: "b3RoZXI="}}, "NOTAUTH, BADKEY"},
		{"another name", hooks.NameOptions{Name: "paris.example.test"}, "REFUSED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.Alias = "cc01.example.test"
			n, told := b.follows(c.options)
			n.Follow(elected(1))
			if r := <-told; r.Err == nil || !strings.Contains(r.Err.Error(), c.want) {
				t.Errorf("got %v, want %s", r.Err, c.want)
			}
		})
	}
}
