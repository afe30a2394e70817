// Package desktop is the desktop agent: it registers a desktop host with a broker,
// sends heartbeats, reports sessions, and is the arbiter of who may use the host.
// It knows connectors only by the registration API. cmd, world and demo start it.
package desktop

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/trust"
	"understudy/wire"
)

// The names of log fields.
const (
	fieldMachine   = "machine"
	fieldSession   = "session"
	fieldReason    = "reason"
	fieldBoot      = "boot"
	fieldBroker    = "broker"
	fieldConnector = "connector"
	fieldTerm      = "term"
	fieldPause     = "pause"
)

// listenerShare: the listener may have half of the file descriptors.
const listenerShare = 2

// Agent is the agent of one machine, or of many simulated ones.
type Agent struct {
	o        Options
	folder   *folder
	client   *http.Client
	machines []*machine

	listening chan struct{}
	address   net.Addr // once listening
}

// New takes the data folder and reads what the machines remember. Run gives the
// folder back.
func New(o Options) (*Agent, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	if err := o.readable(); err != nil {
		return nil, err
	}
	folder, err := openFolder(o.Data)
	if err != nil {
		return nil, err
	}
	for _, file := range folder.lock.Mended {
		o.Logger.Warnf("other users of this host could get at %s in the data folder; from now on they cannot", file)
	}
	a := &Agent{o: o, folder: folder, listening: make(chan struct{})}
	a.client = &http.Client{Transport: o.Transport, CheckRedirect: noRedirect}
	for _, m := range o.Machines {
		machine, err := a.open(m)
		if err != nil {
			return nil, errors.Join(err, folder.Close())
		}
		a.machines = append(a.machines, machine)
	}
	return a, nil
}

// noRedirect keeps leases to the connectors they are for.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (a *Agent) open(m Machine) (*machine, error) {
	dir := a.folder.dir
	if a.o.Simulate {
		var err error
		if dir, err = a.folder.machine(string(m.Name)); err != nil {
			return nil, err
		}
	}
	store := Store{Dir: dir, NoSync: a.o.NoSync}
	state, err := store.Load(m.Name)
	if err != nil {
		return nil, err
	}
	return newMachine(&machine{
		name: m.Name, arbiter: Arbiter{Capacity: max(1, m.Capacity)}, store: store, provider: a.o.Provider(m.Name),
		wall: a.o.Env.Now, gate: a.o.Env.Gate, log: a.o.Logger.WithField(fieldMachine, m.Name), connectors: a.o.Connectors,
	}, state.Restored(time.Now())), nil
}

// Listening is closed once brokers can call.
func (a *Agent) Listening() <-chan struct{} { return a.listening }

// Addr is where brokers call, once Listening is closed.
func (a *Agent) Addr() net.Addr { return a.address }

// Run is the agent until ctx ends. The leases are given back before the listener
// closes; sessions stay.
func (a *Agent) Run(ctx context.Context) error {
	defer func() { _ = a.folder.Close() }()
	defer a.client.CloseIdleConnections()
	listener, err := a.o.Env.Listen(ctx, "tcp", a.o.Listen)
	if err != nil {
		return fmt.Errorf("listen for brokers on %s: %w", a.o.Listen, err)
	}
	a.address = listener.Addr()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var serving sync.WaitGroup
	server := a.server(ctx)
	crowd := env.Bound(listener, server, env.Room{Share: listenerShare, Full: func(reason string) {
		a.o.Logger.Warnf("the listener: %s: for each new one the one that was idle for longest is closed", reason)
	}, Guessed: func(reason string) { a.o.Logger.Warnf("the listener: %s", reason) }})
	serving.Go(func() { cancel(a.serve(server, crowd)) })
	if a.o.Trust.Watches() {
		serving.Go(func() { a.o.Trust.Run(ctx, func(r trust.Report) { r.Tell(a.tellOf) }) })
	}
	close(a.listening)
	a.work(ctx)
	err = stop(ctx, crowd)
	serving.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = errors.Join(cause, err)
	}
	return err
}

func (a *Agent) server(ctx context.Context) *http.Server {
	return &http.Server{
		Handler: router(a.machines, a.o.Simulate, below(a.o.Callback)), TLSConfig: a.o.ServerTLS,
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: wire.MaxRegistration,
	}
}

func (a *Agent) serve(server *http.Server, listener net.Listener) error {
	var err error
	if a.o.ServerTLS != nil {
		err = server.ServeTLS(listener, "", "")
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve brokers: %w", err)
}

func stop(ctx context.Context, crowd *env.Crowd) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	if err := crowd.Stop(ctx); err != nil {
		return fmt.Errorf("serve brokers to the end: %w", err)
	}
	return nil
}

// work runs the loops of all machines until ctx ends.
func (a *Agent) work(ctx context.Context) {
	var loops sync.WaitGroup
	for i, m := range a.machines {
		for _, loop := range []func(context.Context) error{
			m.watch, m.reset, a.registrar(m, i).run,
			func(ctx context.Context) error { return m.expire(ctx, a.o.Env.Gate) },
		} {
			loops.Go(func() {
				if err := loop(ctx); err != nil {
					m.log.WithError(err).Error("a loop of the agent ended")
				}
			})
		}
	}
	loops.Wait()
}

// startPace spreads the first requests of many machines: 2000 a second.
const startPace = 500 * time.Microsecond

func (a *Agent) registrar(m *machine, position int) *registrar {
	return &registrar{
		machine: m,
		rounds:  rounds{client: a.client, timeout: a.o.Timeout, notBefore: map[string]time.Time{}},
		about: wire.Registration{
			Machine: m.name, Zone: a.o.Zone, AgentVersion: a.o.Version, Protocol: wire.VDAProtocol,
			Callback: callback(a.base(m.name), m.name, a.o.Simulate), Capacity: m.arbiter.Capacity,
		},
		groups: a.o.Connectors, random: a.o.Env.Rand("desktop " + string(m.name)), gate: a.o.Env.Gate,
		start: time.Duration(position) * startPace,
	}
}

// base is the URL of the listener as brokers know it.
func (a *Agent) base(name site.FQDN) string {
	if a.o.Callback != "" {
		return a.o.Callback
	}
	scheme := "http://"
	if a.o.ServerTLS != nil {
		scheme = "https://"
	}
	if a.o.Simulate {
		return scheme + a.address.String()
	}
	_, port, _ := net.SplitHostPort(a.address.String())
	return scheme + net.JoinHostPort(string(name), port)
}
