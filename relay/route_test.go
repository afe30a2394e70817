package relay_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"understudy/relay"
	"understudy/site"
	"understudy/wire"
)

// peers is a stage on which peers pass requests on.
type peers struct {
	*stage
	through map[site.FQDN]*cloud
	mu      sync.Mutex // guards what follows
	list    []site.FQDN
	moves   []string
}

func newPeers(t *testing.T, names ...site.FQDN) *peers {
	t.Helper()
	p := &peers{through: map[site.FQDN]*cloud{}, list: names}
	for _, name := range names {
		p.through[name] = &cloud{}
	}
	p.stage = newStage(t, func(o *relay.Options) {
		o.Peers = func() []site.FQDN { p.mu.Lock(); defer p.mu.Unlock(); return slices.Clone(p.list) }
		o.Through = func(peer site.FQDN) relay.Cloud { return p.through[peer] }
		o.OnRoute = func(from, to site.FQDN, _ string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.moves = append(p.moves, string(from)+">"+string(to))
		}
	})
	return p
}

// play runs the relay and in the end closes every call stream.
func (p *peers) play(t *testing.T, do func()) {
	t.Helper()
	p.run(t, func() {
		do()
		for _, c := range p.through {
			c.set(func(c *cloud) {
				if c.far != nil {
					c.far.Close()
				}
			})
		}
	})
}

func (p *peers) moved() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.moves, " ")
}

func refuse(c *cloud) {
	c.refuse = true
	c.health = func(context.Context) error { return errRefused }
	c.forward = func(context.Context, string) (reply, error) { return reply{}, errRefused }
}

func answers(c *cloud) { c.refuse, c.health, c.forward = false, nil, nil }

// NEW-03: "a connector that lost the cloud while a peer has it relays through that
// peer", without trouble, with its requests and its call stream; it stays with that
// peer, moves when that fails, and takes the direct way back after some good checks.
func TestRequestsGoThroughAPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t, "cc2", "cc3")
		p.play(t, func() {
			time.Sleep(time.Second)
			p.cloud.set(refuse)
			time.Sleep(9 * time.Second)
			if h := p.Health(); !h.Healthy || h.Via != "cc2" || !h.CallStream || !strings.Contains(h.Reason, "connection refused") {
				t.Fatalf("after the direct way broke: %+v", h)
			}
			if len(p.troubles()) != 0 || p.Direct() {
				t.Errorf("troubles %v, direct %t", p.troubles(), p.Direct())
			}
			asked := p.cloud.count()
			p.ask(relay.Launch, "POST", "/storefront/v1/sessions", `{"user":"alice"}`)
			if p.cloud.count() != asked || p.through["cc2"].last().body == "" {
				t.Error("a launch did not go through the peer")
			}

			p.mu.Lock()
			p.list = []site.FQDN{"cc3", "cc2"}
			p.mu.Unlock()
			time.Sleep(30 * time.Second)
			if got := p.moved(); got != ">cc2" {
				t.Errorf("it moves without need: %s", got)
			}
			p.through["cc2"].set(refuse)
			time.Sleep(7 * time.Second)
			if h := p.Health(); !h.Healthy || h.Via != "cc3" || len(p.troubles()) != 0 {
				t.Errorf("after the peer broke: %+v, troubles %v", h, p.troubles())
			}

			p.cloud.set(answers)
			time.Sleep(11 * time.Second)
			if h := p.Health(); h.Via != "cc3" {
				t.Errorf("the direct way is taken back after two checks: %+v", h)
			}
			time.Sleep(6 * time.Second)
			if h := p.Health(); !h.Healthy || h.Via != "" || !h.CallStream || p.moved() != ">cc2 cc2>cc3 cc3>" {
				t.Errorf("the direct way is not taken back: %+v, %s", h, p.moved())
			}
		})
	})
}

// NEW-03, LHC-12: "if the peer's link goes too, trouble as usual": told after the
// check's two tries and one of another peer, and however good the peers say that they are.
func TestTroubleWhereNoPeerHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t, "cc2", "cc3")
		p.play(t, func() {
			p.cloud.set(refuse)
			time.Sleep(7 * time.Second)
			if h := p.Health(); h.Via != "cc2" {
				t.Fatalf("%+v", h)
			}
			for _, c := range []*cloud{p.cloud, p.through["cc2"], p.through["cc3"]} {
				c.set(func(c *cloud) { c.refuse, c.health = true, hang })
			}
			began := time.Now()
			for len(p.troubles()) == 0 {
				time.Sleep(100 * time.Millisecond)
				if time.Since(began) > time.Minute {
					t.Fatal("no trouble at all")
				}
			}
			if took, most := time.Since(began), (relay.DefaultInterval + 3*relay.DefaultTry + time.Second); took > most {
				t.Errorf("trouble was told after %s, want at most %s", took, most)
			}
			if h := p.Health(); h.Healthy || h.Via != "" {
				t.Errorf("%+v", h)
			}
			time.Sleep(time.Minute)
			if h := p.Health(); h.Healthy {
				t.Errorf("%+v", h)
			}
		})
	})
}

// LHC-12: through a peer too a check is comprehensive; what fails there as well is the
// cloud broker's own failure.
func TestWhatFailsThroughThePeerTooIsTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t, "cc2")
		broken := always(500, "text/plain", "")
		p.cloud.forward, p.through["cc2"].forward = broken, broken
		p.ask(relay.Launch, "POST", "/storefront/v1/sessions", `{"user":"alice"}`)
		p.play(t, func() {
			time.Sleep(7 * time.Second)
			if h := p.Health(); h.Healthy || h.Via != "" {
				t.Errorf("launches fail both ways: %+v", h)
			}
			p.through["cc2"].set(answers)
			time.Sleep(6 * time.Second)
			if h := p.Health(); !h.Healthy || h.Via != "cc2" {
				t.Errorf("launches fail directly alone: %+v", h)
			}
		})
	})
}

// A cloud broker that refuses this connector is not asked in another's name.
func TestARefusedConnectorGoesThroughNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t, "cc2")
		p.cloud.health = func(context.Context) error {
			return wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized, "")
		}
		p.play(t, func() {
			time.Sleep(20 * time.Second)
			if h := p.Health(); h.Healthy || h.Via != "" || p.through["cc2"].opened != 0 {
				t.Errorf("%+v", h)
			}
		})
	})
}

// The direct way that is lost again and again is taken back later and later.
func TestAFlappingWayIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeers(t, "cc2")
		p.play(t, func() {
			for range 60 { // down for 10 s, up for 20 s
				p.cloud.set(refuse)
				time.Sleep(10 * time.Second)
				p.cloud.set(answers)
				time.Sleep(20 * time.Second)
			}
			if n := strings.Count(p.moved(), ">cc2"); n > 3 {
				t.Errorf("it went through the peer %d times in half an hour", n)
			}
			time.Sleep(5 * time.Minute)
			if h := p.Health(); h.Via != "" || !h.Healthy {
				t.Errorf("when it was good for long: %+v", h)
			}
		})
	})
}
