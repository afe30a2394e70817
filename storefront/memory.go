package storefront

import (
	"context"
	"net/http"
	"sync"
	"time"

	"understudy/wire"
)

// How long, and how many, answers are remembered by their idempotency keys.
const (
	keyLife = 200 * time.Second
	maxKeys = 10000
)

type launchKey struct{ user, key string }

// memory gives a repeated launch the answer of the first. Failures are not
// remembered, so that a client may try again with the same key.
type memory struct {
	mu      sync.Mutex // guards entries, order
	entries map[launchKey]*entry
	order   []*entry // by age
}

// entry is one launch. Its answer may be read once done is closed.
type entry struct {
	key      launchKey
	resource string
	born     time.Time
	done     chan struct{}
	answer   launched
	err      error
}

func newMemory() *memory { return &memory{entries: map[launchKey]*entry{}} }

// do runs work for the first request with the key; the others wait for it.
func (m *memory) do(ctx context.Context, key launchKey, resource string, work func() (launched, error)) (launched, error) {
	e, first := m.enter(time.Now(), key, resource)
	switch {
	case e.resource != resource:
		return launched{}, wire.NewProblem(http.StatusConflict, wire.CodeConflict, "the idempotency key was used for another resource")
	case first:
		e.err = wire.NewProblem(http.StatusInternalServerError, wire.CodeInternal, "")
		defer m.leave(e)
		e.answer, e.err = work()
		return e.answer, e.err
	}
	select {
	case <-e.done:
		return e.answer, e.err
	case <-ctx.Done():
		return launched{}, ctx.Err()
	}
}

func (m *memory) enter(now time.Time, key launchKey, resource string) (e *entry, first bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	if e, ok := m.entries[key]; ok {
		return e, false
	}
	e = &entry{key: key, resource: resource, born: now, done: make(chan struct{})}
	m.entries[key] = e
	m.order = append(m.order, e)
	return e, true
}

func (m *memory) leave(e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	close(e.done)
	if e.err != nil {
		m.remove(e)
	}
}

func (m *memory) forget(now time.Time) {
	for len(m.order) > 0 && (now.Sub(m.order[0].born) >= keyLife || len(m.order) >= maxKeys) {
		m.remove(m.order[0])
		m.order[0] = nil
		m.order = m.order[1:]
	}
}

// remove forgets an entry, unless a later one has taken its key.
func (m *memory) remove(e *entry) {
	if m.entries[e.key] == e {
		delete(m.entries, e.key)
	}
}
