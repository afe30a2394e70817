// Package service tells the service manager that started this process how it is:
// ready, what it does in a sentence, alive, reloading, stopping. It decides nothing
// about the process and logs nothing; who was started by no service manager tells
// nobody. The commands that run services call it.
package service

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// statusEvery is how often the sentence is told at most.
const statusEvery = time.Second

// Process is what is told of.
type Process interface {
	// Headline says in a short sentence what the process does now.
	Headline() string
}

// Binder is a Process that binds its listeners when it runs; it is ready once that
// channel is closed. Others are ready before.
type Binder interface {
	Listening() <-chan struct{}
}

// Watched is a Process whose own loops can be watched, not only whether it runs.
type Watched interface {
	// Progress names what has stood still for so long, or for as long as is longer than
	// it ever takes; nil: everything goes on.
	Progress(within time.Duration) error
}

// Manager is the service manager of this process.
type Manager struct {
	channel  channel
	complain func(error)
	once     sync.Once
	ready    atomic.Bool
}

// channel is how a platform's service manager is told.
type channel interface {
	// managed reports whether there is a service manager.
	managed() bool
	// watchdog is after what silence it ends the process; 0: never.
	watchdog() time.Duration
	tell(n notice) error
}

// notice is what is told; what is empty is not.
type notice struct {
	status string
	ready, reloading,
	stopping, alive bool
}

// New finds the service manager of this process. The first failure to reach it is
// handed to complain: that is no reason to end.
func New(complain func(error)) *Manager {
	m := &Manager{complain: complain}
	found, err := findChannel()
	if err != nil {
		m.failed(err)
	}
	m.channel = found
	return m
}

// Managed reports whether a service manager wants to know.
func (m *Manager) Managed() bool { return m.channel.managed() }

// Ready says that the process serves, also after a reload.
func (m *Manager) Ready() { m.tell(notice{ready: true}) }

// Status says what the process does, for people.
func (m *Manager) Status(text string) { m.tell(notice{status: text}) }

// Alive says that everything goes on: without it the watchdog ends the process.
func (m *Manager) Alive() { m.tell(notice{alive: true}) }

// Reloading says that the configuration is read anew; Ready follows it.
func (m *Manager) Reloading() { m.tell(notice{reloading: true}) }

// Stopping says that an orderly stop has begun.
func (m *Manager) Stopping() { m.tell(notice{stopping: true, status: "stopping"}) }

// While says that the configuration is read anew for as long as do takes; before the
// process was ready it says nothing, for ready is what comes after.
func (m *Manager) While(do func()) {
	if m.ready.Load() {
		m.Reloading()
		defer m.Ready()
	}
	do()
}

func (m *Manager) tell(n notice) {
	if !m.channel.managed() {
		return
	}
	if err := m.channel.tell(n); err != nil {
		m.failed(err)
	}
}

func (m *Manager) failed(err error) { m.once.Do(func() { m.complain(err) }) }

// Follow says that the process is ready once it is, and then how it is until ctx
// ends, which is a stop.
func (m *Manager) Follow(ctx context.Context, p Process) {
	if !m.Managed() || !bound(ctx, p) {
		return
	}
	w := newWatch(m, p)
	m.tell(notice{ready: true, status: w.headline()})
	m.ready.Store(true)
	ticker := time.NewTicker(w.beat)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			m.Stopping()
			return
		case <-ticker.C:
			w.look()
		}
	}
}

// bound waits until the process has bound its listeners.
func bound(ctx context.Context, p Process) bool {
	b, ok := p.(Binder)
	if !ok {
		return true
	}
	select {
	case <-b.Listening():
		return true
	case <-ctx.Done():
		return false
	}
}
