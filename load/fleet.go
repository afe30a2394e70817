package load

import (
	"context"
	"net/http"
	"sync"
	"time"

	"understudy/desktop"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// fleet keeps all desktops registered: each has a timer, and as many workers as
// the options say go their rounds.
type fleet struct {
	o        Options
	client   *http.Client
	tally    *tally
	ledger   *ledger
	dice     *dice
	machines []*machine
	byName   map[site.FQDN]*machine
	due      chan *machine
}

func newFleet(o Options, base string, t *tally, l *ledger) *fleet {
	transport := o.Env.Transport(env.Fixed(o.TLS))
	transport.MaxIdleConnsPerHost = o.Workers
	f := &fleet{
		o: o, client: &http.Client{Transport: transport, Timeout: requestTime}, tally: t, ledger: l, dice: newDice(o.Seed, 1),
		byName: make(map[site.FQDN]*machine, len(o.Machines)), due: make(chan *machine, len(o.Machines)),
	}
	for _, about := range o.Machines {
		about.Capacity = max(1, about.Capacity)
		m := &machine{Machine: about, callback: base + machinePath(about.Name), state: desktop.State{Machine: about.Name}, client: f.client}
		if o.Identity != nil {
			m.callback, m.client = o.ownBase(base, about.Name)+machinePath(about.Name), o.ownClient(about.Name)
		}
		f.machines = append(f.machines, m)
		f.byName[about.Name] = m
	}
	return f
}

// requestTime bounds one request of a desktop, as in a real one.
const requestTime = 10 * time.Second

// run goes the rounds until ctx ends; then it gives the leases back.
func (f *fleet) run(ctx context.Context) {
	var workers sync.WaitGroup
	for range f.o.Workers {
		workers.Go(func() { f.work(ctx) })
	}
	for i, m := range f.machines {
		m.mu.Lock()
		m.timer = time.AfterFunc(f.first(i), func() { f.wake(m) })
		m.mu.Unlock()
	}
	workers.Wait()
	for _, m := range f.machines {
		m.timer.Stop()
	}
	if !f.o.KeepLeases {
		f.leave(context.WithoutCancel(ctx))
	}
	f.client.CloseIdleConnections()
}

// first spreads the first registrations evenly, with a seeded stray.
func (f *fleet) first(i int) time.Duration {
	return time.Duration((float64(i) + f.dice.float()) / float64(len(f.machines)) * float64(f.o.Ramp))
}

func (f *fleet) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-f.due:
			f.round(ctx, m)
		}
	}
}

// wake queues a desktop's round, at most once: the queue has room for all.
func (f *fleet) wake(m *machine) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.busy {
		m.again = true
		return
	}
	m.busy = true
	f.due <- m
}

// news has a desktop tell what has just happened there.
func (f *fleet) news(m *machine) {
	m.mu.Lock()
	registered := m.registered && m.failures == 0
	m.mu.Unlock()
	if registered {
		f.wake(m)
	}
}

// round brings the broker up to date and sets the time of the next one.
func (f *fleet) round(ctx context.Context, m *machine) {
	err := f.tell(ctx, m)
	m.mu.Lock()
	defer m.mu.Unlock()
	pause := time.Until(m.due)
	if err != nil {
		pause = backoff(f.dice, m.failures, m.interval)
		if wait := asksForTime(err); wait > 0 {
			pause = wait + env.Jitter(f.dice, time.Second/2, 1)
		}
		m.failures++
	} else {
		m.failures = 0
	}
	if m.again && err == nil {
		pause = 0
	}
	m.busy, m.again = false, false
	m.timer.Reset(max(0, pause))
}

// Pauses after failures, as a real desktop makes them.
const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
	pauseJitter  = 0.25
	beatJitter   = 0.1
)

func backoff(d *dice, failures int, interval time.Duration) time.Duration {
	limit := longestPause
	if interval > 0 {
		limit = min(limit, interval)
	}
	return env.Jitter(d, min(limit, firstPause<<min(failures, 10)), pauseJitter)
}

// tell registers, reports and sends the heartbeat when it is due. A broker that
// does not know the lease gets a registration, once.
func (f *fleet) tell(ctx context.Context, m *machine) error {
	err := f.once(ctx, m)
	if !wire.IsCode(err, wire.CodeLeaseUnknown) {
		return err
	}
	f.lost(m)
	return f.once(ctx, m)
}

func (f *fleet) lost(m *machine) {
	m.mu.Lock()
	was := m.broker
	m.registered, m.broker = false, ""
	m.mu.Unlock()
	f.ledger.moved(time.Now(), was, "")
}

func (f *fleet) once(ctx context.Context, m *machine) error {
	m.mu.Lock()
	registered, reports := m.registered, len(m.state.Reports)
	beat := m.resync || !time.Now().Before(m.due)
	m.mu.Unlock()
	if !registered {
		return f.register(ctx, m)
	}
	if reports > 0 {
		if err := f.report(ctx, m); err != nil {
			return err
		}
	}
	if beat {
		return f.beat(ctx, m)
	}
	return nil
}

// machineOf finds a simulated desktop.
func (f *fleet) machineOf(name site.FQDN) *machine { return f.byName[name] }

// leave gives all leases back, for a few seconds at most.
func (f *fleet) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	queue := make(chan *machine)
	var workers sync.WaitGroup
	for range f.o.Workers {
		workers.Go(func() {
			for m := range queue {
				f.unregister(ctx, m)
			}
		})
	}
	for _, m := range f.machines {
		m.mu.Lock()
		registered := m.registered
		m.mu.Unlock()
		if registered && ctx.Err() == nil {
			queue <- m
		}
	}
	close(queue)
	workers.Wait()
}

const leaveTime = 10 * time.Second
