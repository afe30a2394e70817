package env

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// freeGuesses is how many wrong secrets in a row a source may show at no cost: somebody
// has mistyped a key, or a monitor has an old one.
const freeGuesses = 20

// guessers are the sources that have shown wrong secrets.
type guessers struct {
	heldBack atomic.Uint64

	tell func(reason string)

	mu       sync.Mutex // guards what follows
	failures *Failures
}

func (c *guessers) wait(now time.Time, s Source) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.failures.Wait(now, s.String()))
}

func (c *guessers) note(now time.Time, s Source) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failures.Note(now, s.String())
}

// HeldBack is for how long no secret of the request's source is looked at, after too
// many wrong ones. A connection that has shown a right one is not held back, so that a
// guesser behind the same address does not keep out who is at work.
func HeldBack(r *http.Request) time.Duration {
	g := asking(r)
	if g == nil || g.letIn.Load() || !g.source.known() {
		return 0
	}
	c := &g.crowd.guessers
	wait := c.wait(time.Now(), g.source)
	if wait > 0 {
		c.heldBack.Add(1)
		c.tell(fmt.Sprintf("%s shows wrong keys or tokens again and again: the next is looked at in %s", g.source, wait.Round(time.Second)))
	}
	return wait
}

// WrongSecret notes that a request has shown a key or token that is not known. A right
// one before it no longer counts for its connection.
func WrongSecret(r *http.Request) {
	if g := asking(r); g != nil && g.source.known() {
		g.letIn.Store(false)
		g.crowd.guessers.note(time.Now(), g.source)
	}
}

// RightSecret notes that a request has shown a key or token that is known. What its
// source has failed before is not forgotten: a guesser that knows one secret would else
// have as many guesses at others as it likes.
func RightSecret(r *http.Request) {
	if g := asking(r); g != nil && !g.letIn.Load() {
		g.letIn.Store(true)
		if g.crowd.secure && g.source.known() {
			g.crowd.strangers.meet(g.source)
		}
	}
}
