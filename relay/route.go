package relay

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
)

const (
	// The direct way is taken back after it was good for backAfter checks in a row.
	// That doubles, up to backAtMost, while it is lost again within backSoon.
	backAfter  = 3
	backAtMost = 48
	backSoon   = 10 * time.Minute
)

// route is a way to the cloud broker, with what is known of it.
type route struct {
	via   site.FQDN // the peer that passes requests on; empty: directly
	cloud Cloud
	judge *judge // guarded by the relay's lock
}

// named adds to what is said whom it goes through.
func (r *route) named(text string) string {
	if r.via == "" {
		return text
	}
	return text + ", through " + string(r.via)
}

// taken is how requests go; left ends when they go another way.
type taken struct {
	*route
	left context.Context
}

// way returns how requests go at present.
func (r *Relay) way() taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return taken{r.route, r.left}
}

// Via is the peer through which requests go; empty: they go directly.
func (r *Relay) Via() site.FQDN {
	return r.way().via
}

// Direct reports whether the cloud broker answers us directly: only then may peers
// go through us.
func (r *Relay) Direct() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.route.judge.health
	return r.route == r.direct && h.Checked && h.Healthy
}

// take lets requests go another way. It is called with the lock held.
func (r *Relay) take(now time.Time, next *route) {
	before := r.route
	next.judge.takeOver(now, before.judge)
	switch {
	case before == r.direct:
		r.back.left(now)
	case next == r.direct:
		r.back.ended = now
	}
	r.leave()
	r.route = next
	r.left, r.leave = context.WithCancel(context.Background())
	notify(r.redial)
}

// takeOver makes the book of a way that is taken: what failed on the one before is
// probed on it too, and the call stream has yet to come up.
func (j *judge) takeOver(now time.Time, before *judge) {
	maps.Copy(j.suspects, before.suspects)
	clear(j.windows)
	j.health.Trouble, j.health.CallStream = before.health.Trouble, false
	j.restart(now)
}

// seek asks one peer, once, whether the cloud broker can be reached through it. It
// returns nil if not, or where there is none. A cloud broker that refuses this
// connector is not asked in another's name.
func (r *Relay) seek(ctx context.Context, present *route, wrong error) *route {
	if refuses(wrong) {
		return nil
	}
	peer := r.choose(r.o.Peers(), present.via)
	if peer == "" {
		return nil
	}
	through := r.o.Through(peer)
	if through == nil {
		return nil
	}
	next := &route{via: peer, cloud: through, judge: newJudge(time.Now(), r.o.Grace)}
	r.tried = peer
	if r.askAll(ctx, next, r.probes(present), 1) != nil {
		return nil
	}
	r.tried = ""
	return next
}

func refuses(wrong error) bool {
	p, ok := errors.AsType[*wire.Problem](wrong)
	return ok && p.Code != "" && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden)
}

// choose returns the peer to ask: the first, or the one after that which was of no
// use. It is never the one that has just failed.
func (r *Relay) choose(peers []site.FQDN, failed site.FQDN) site.FQDN {
	peers = slices.DeleteFunc(slices.Clone(peers), func(p site.FQDN) bool { return p == failed })
	if len(peers) == 0 {
		return ""
	}
	return peers[(slices.Index(peers, r.tried)+1)%len(peers)]
}

// comeback decides when the direct way is taken back.
type comeback struct {
	good, needed int
	ended        time.Time // when it was taken back last
}

// left notes that the direct way is given up.
func (c *comeback) left(now time.Time) {
	c.good = 0
	if c.needed == 0 || now.Sub(c.ended) > backSoon {
		c.needed = backAfter
		return
	}
	c.needed = min(2*c.needed, backAtMost)
}

// due takes in a check of the direct way, and reports whether it was good often
// enough.
func (c *comeback) due(good bool) bool {
	if !good {
		c.good = 0
		return false
	}
	c.good++
	return c.good >= c.needed
}
