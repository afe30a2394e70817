package storefront

import "sync"

// turns lets one at a time do something with a session.
type turns struct {
	mu      sync.Mutex // guards waiting
	waiting map[string]*turn
}

// turn is the lock of one session, and how many hold it or wait for it.
type turn struct {
	lock chan struct{} // held over I/O, so no mutex
	uses int
}

// take waits for the session's turn; the function it returns ends it.
func (t *turns) take(session string) func() {
	t.mu.Lock()
	if t.waiting == nil {
		t.waiting = map[string]*turn{}
	}
	own := t.waiting[session]
	if own == nil {
		own = &turn{lock: make(chan struct{}, 1)}
		t.waiting[session] = own
	}
	own.uses++
	t.mu.Unlock()
	own.lock <- struct{}{}
	return func() {
		<-own.lock
		t.mu.Lock()
		defer t.mu.Unlock()
		if own.uses--; own.uses == 0 {
			delete(t.waiting, session)
		}
	}
}
