package hooks_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"understudy/env"
	"understudy/hooks"
)

// registrar is a name server within the test, which can be made to fail.
type registrar struct {
	mu    sync.Mutex // guards what follows
	mode  func(net.Conn)
	asked []time.Duration // when, after the beginning
	began time.Time
	told  []error
}

func (r *registrar) dial(context.Context, string, string) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, time.Since(r.began))
	if r.mode == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	go r.mode(far)
	return near, nil
}

func (r *registrar) becomes(mode func(net.Conn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mode = mode
}

func (r *registrar) tell(result hooks.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, result.Err)
}

// takes answers every update with success.
func takes(conn net.Conn) {
	c, m := hear(conn)
	answer := new(dns.Msg).SetReply(m)
	answer.SetTsig("zone-berlin.", dns.HmacSHA256, 300, time.Now().Unix())
	if signed, _, err := dns.TsigGenerate(answer, testKey().Secret, m.IsTsig().MAC, false); err == nil {
		_, _ = c.Write(signed)
	}
}

// hear reads an update, which must be signed.
func hear(conn net.Conn) (*dns.Conn, *dns.Msg) {
	c := &dns.Conn{Conn: conn, TsigSecret: map[string]string{"zone-berlin.": testKey().Secret}}
	m, err := c.ReadMsg()
	if err != nil {
		panic(err)
	}
	return c, m
}

// hangs takes a connection and says nothing.
func hangs(conn net.Conn) { _, _ = conn.Read(make([]byte, 1<<16)); _, _ = conn.Read(make([]byte, 1)) }

func testKey() hooks.Key {
	return hooks.Key{Name: "zone-berlin", Algorithm: "hmac-sha256", Secret: "c2VjcmV0LW9mLXRoZS16b25lLW9mLWJlcmxpbg=="}
}

// onName lets a name be kept while the story is played.
func onName(t *testing.T, r *registrar, story func(*hooks.Name)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r.began = time.Now()
		world := env.Real()
		world.Dial = r.dial
		n := hooks.NewName(hooks.NameOptions{
			Env: world, Server: "ns.example.test:53", Zone: "example.test", Name: "berlin.example.test", Alias: "cc01.example.test",
			Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.7")}, Key: testKey(), Tell: r.tell,
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.Run(ctx) }()
		story(n)
		stop()
		<-done
	})
}

func wants(t *testing.T, r *registrar, asked []time.Duration, told ...bool) {
	t.Helper()
	if !slices.Equal(r.asked, asked) {
		t.Errorf("asked after %v, want %v", r.asked, asked)
	}
	var got []bool
	for _, err := range r.told {
		got = append(got, err == nil)
	}
	if !slices.Equal(got, told) {
		t.Errorf("told of %v, want successes %v", r.told, told)
	}
}

// REP-03: the elected one says again where the name is, and tells of it once; who is
// deposed says nothing more.
func TestNameIsKept(t *testing.T) {
	r := &registrar{mode: takes}
	onName(t, r, func(n *hooks.Name) {
		n.Follow(elected(1))
		time.Sleep(61 * time.Second)
		n.Follow(deposed(2))
		time.Sleep(10 * time.Minute)
	})
	wants(t, r, []time.Duration{0, 30 * time.Second, 60 * time.Second}, true)
}

// An update that fails is tried again, later each time, while this one is elected; the
// failure is told once, and so is its end.
func TestNameIsTriedAgain(t *testing.T) {
	r := &registrar{}
	onName(t, r, func(n *hooks.Name) {
		n.Follow(elected(1))
		time.Sleep(5 * time.Second)
		r.becomes(takes)
		time.Sleep(5 * time.Second)
	})
	wants(t, r, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, false, true)
}

// A server that says nothing costs the limit; being deposed ends the wait at once.
func TestHangingNameServer(t *testing.T) {
	r := &registrar{mode: hangs}
	onName(t, r, func(n *hooks.Name) {
		n.Follow(elected(1))
		time.Sleep(7 * time.Second) // 5 s, a pause of 1 s, and the second one is under way
		n.Follow(deposed(2))
		synctest.Wait()
		n.Follow(elected(3))
		time.Sleep(time.Second)
	})
	wants(t, r, []time.Duration{0, 6 * time.Second, 7 * time.Second}, false)
	if want := "the name server ns.example.test:53 has not answered within 5s"; len(r.told) != 1 || r.told[0].Error() != want {
		t.Errorf("got %v, want %s", r.told, want)
	}
}

// An answer that nobody signed is nobody's answer.
func TestUnsignedAnswer(t *testing.T) {
	r := &registrar{mode: func(conn net.Conn) {
		c, m := hear(conn)
		_ = c.WriteMsg(new(dns.Msg).SetReply(m))
	}}
	onName(t, r, func(n *hooks.Name) { n.Follow(elected(1)); time.Sleep(100 * time.Millisecond) })
	if len(r.told) != 1 || r.told[0] == nil {
		t.Errorf("got %v, want an error", r.told)
	}
}
