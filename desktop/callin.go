package desktop

import (
	"errors"
	"net/http"
	"sync"

	"understudy/wire"
)

// errCalled ends what the registration loop does for an invitation.
var errCalled = errors.New("the host is called in")

// Invited allows an invitation of a higher term than the host has ever seen: who
// invites with a lower one serves no longer (LHC-32).
func (s State) Invited(i wire.Invitation) error {
	if i.Term <= s.Term {
		return wire.Problemf(http.StatusConflict, wire.CodeStaleTerm, "term %d is not higher than term %d, which the host has seen", i.Term, s.Term)
	}
	return nil
}

// callIn is an invitation that the host follows until it has registered with
// anybody.
type callIn struct {
	news chan struct{} // wakes the registration loop

	mu     sync.Mutex // guards what follows
	latest wire.Invitation
	open   bool   // nobody has begun to follow it
	stop   func() // gives up what the registration loop does
}

func newCallIn() *callIn { return &callIn{news: make(chan struct{}, 1)} }

// invite takes an invitation, or refuses it. One for the same term again changes
// nothing: the host is on its way.
func (m *machine) invite(i wire.Invitation) error {
	c := m.called
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := m.now().Invited(i); err != nil {
		return err
	}
	switch {
	case i.Term < c.latest.Term:
		return wire.Problemf(http.StatusConflict, wire.CodeStaleTerm, "the host follows an invitation of term %d", c.latest.Term)
	case i.Term == c.latest.Term:
		return nil
	}
	c.latest, c.open = i, true
	if c.stop != nil {
		c.stop()
	}
	poke(c.news)
	return nil
}

// begin notes how to give up what begins now, and returns an invitation that is to
// be followed.
func (c *callIn) begin(stop func()) (wire.Invitation, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = stop
	open := c.open
	c.open = false
	return c.latest, open
}

func (c *callIn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stop = nil
}

// done forgets an invitation that was followed: the host is registered.
func (c *callIn) done() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open {
		c.latest = wire.Invitation{}
	}
}
