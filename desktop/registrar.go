package desktop

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

const registrationsPath = "/vda/v1/registrations"

// jitter is how far a heartbeat strays from its interval, either way (LHC-32).
const jitter = 0.1

// registrar keeps one machine registered with one broker at a time.
type registrar struct {
	*machine
	rounds
	about  wire.Registration // what does not change
	groups [][]string
	random io.Reader
	gate   func(context.Context) error
	start  time.Duration // before the first request

	registered bool
	broker     site.FQDN // whose lease it is, as it said last
	interval   time.Duration
	due        time.Time // of the next heartbeat
	synced     int       // the resync that brokers have heard of
	named      []string  // connectors of the invitation that is followed
	backoff    backoff
}

// run registers, reports and sends heartbeats until ctx ends; then it gives the
// lease back, so that no user is sent to a host that is going.
func (r *registrar) run(ctx context.Context) error {
	pause, failing := r.start, false
	for r.pauseFor(ctx, pause, failing) == nil && r.gate(ctx) == nil {
		err := r.tellOrFollow(ctx)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, errCalled):
			pause, err = 0, nil
		case err != nil:
			pause = r.failed(err, failing)
		default:
			r.backoff.reset()
			pause = time.Until(r.due)
		}
		failing = err != nil
		r.standsWith(failing)
	}
	r.leave(ctx)
	return nil
}

// pauseFor waits; an invitation cuts the wait short, and so does news, except after a
// failure.
func (r *registrar) pauseFor(ctx context.Context, d time.Duration, failing bool) error {
	news := r.toTell
	if failing || !r.registered {
		news = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	case <-news:
	case <-r.called.news:
	}
	return nil
}

// tellOrFollow brings the broker up to date, and gives that up when an invitation
// comes: whoever is asked may hang.
func (r *registrar) tellOrFollow(ctx context.Context) error {
	within, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	i, called := r.called.begin(func() { stop(errCalled) })
	defer r.called.end()
	if called {
		r.follow(i)
	}
	err := r.tell(within)
	if err != nil && errors.Is(context.Cause(within), errCalled) {
		return errCalled
	}
	return err
}

// follow has the next request be a registration with who invites. The lease stays
// until another one replaces it.
func (r *registrar) follow(i wire.Invitation) {
	r.registered, r.named = false, r.asSafe(i.Connectors)
	if len(r.named) > 0 {
		r.present = base(r.named[0])
		delete(r.notBefore, r.present)
	}
	r.resume = time.Time{}
	r.backoff.reset()
	r.log.WithFields(logrus.Fields{fieldTerm: i.Term, fieldConnector: r.present}).Info("called in")
}

// asSafe are the addresses that are reached as those of the configuration are.
func (r *registrar) asSafe(addresses []string) []string {
	own := scheme(slices.Concat(r.groups...)[0])
	return slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return scheme(a) != own })
}

func (r *registrar) failed(err error, again bool) time.Duration {
	pause := max(r.backoff.next(r.random, r.interval), r.pause(r.addresses()))
	if wait := time.Until(r.resume); wait > 0 {
		pause = wait + env.Jitter(r.random, turnSpread, 1)
	}
	log := r.log.WithError(err).WithField(fieldPause, pause.Round(time.Millisecond).String())
	if again {
		log.Debug("still no broker takes it")
	} else {
		log.Warn("no broker takes it; what the host has stays")
	}
	return pause
}

// tell brings the broker up to date: registered, reported, alive. A broker that
// does not know the lease gets a registration, once.
func (r *registrar) tell(ctx context.Context) error {
	err := r.once(ctx)
	if !wire.IsCode(err, wire.CodeLeaseUnknown) {
		return err
	}
	r.registered = false
	return r.once(ctx)
}

func (r *registrar) once(ctx context.Context) error {
	if !r.registered {
		if err := r.register(ctx); err != nil {
			return err
		}
	}
	if err := r.report(ctx); err != nil {
		return err
	}
	if r.synced != r.now().resync || !time.Now().Before(r.due) {
		return r.heartbeat(ctx)
	}
	return nil
}

func (r *registrar) register(ctx context.Context) error {
	s, body := r.now(), r.about
	body.Load, body.Term, body.Used, body.AssignedUser = s.load(body.Capacity), s.Term, s.Used, s.AssignedUser
	body.Sessions = s.sessions()
	var lease wire.Lease
	err := r.do(ctx, r.addresses(), request{http.MethodPost, registrationsPath, body, &lease})
	if err != nil {
		return err
	}
	if err := r.granted(ctx, lease); err != nil {
		return err
	}
	r.registered, r.synced, r.named = true, s.resync, nil
	r.called.done()
	if !slices.Equal(body.Sessions, r.now().sessions()) {
		r.synced-- // a prepare of the former broker crossed the registration
	}
	r.log.WithFields(logrus.Fields{fieldBroker: lease.Broker, fieldConnector: r.present, fieldTerm: lease.Term}).Info("registered")
	return nil
}

func (r *registrar) heartbeat(ctx context.Context) error {
	s := r.now()
	body := wire.Heartbeat{Load: s.load(r.about.Capacity), Term: s.Term, Used: s.Used, AssignedUser: s.AssignedUser}
	if r.synced != s.resync {
		sessions := s.sessions()
		body.Sessions = &sessions
	}
	var lease wire.Lease
	if err := r.do(ctx, r.addresses(), request{http.MethodPut, leasePath(s.Lease), body, &lease}); err != nil {
		return err
	}
	r.synced = s.resync
	return r.granted(ctx, lease)
}

// granted remembers a lease answer, durably, before anything relies on it.
func (r *registrar) granted(ctx context.Context, lease wire.Lease) error {
	if lease.Lease == "" || lease.Interval <= 0 {
		return errors.New("the answer is not a lease")
	}
	if err := r.change(ctx, func(s State) (State, error) { return s.Leased(lease), nil }); err != nil {
		return err
	}
	r.served(lease)
	r.interval = lease.Interval.D()
	r.due = time.Now().Add(env.Jitter(r.random, r.interval, jitter))
	return nil
}

// served tells of a broker that goes on with the lease of another: it had mirrored it.
func (r *registrar) served(lease wire.Lease) {
	if r.registered && lease.Broker != r.broker {
		r.log.WithFields(logrus.Fields{fieldBroker: lease.Broker, fieldConnector: r.present, fieldTerm: lease.Term}).Info("the lease goes on with another broker")
	}
	r.broker = lease.Broker
}

// report sends what is queued, in order. One that the broker refuses for good is
// dropped, so that it does not hold up the others.
func (r *registrar) report(ctx context.Context) error {
	for {
		s := r.now()
		if len(s.Reports) == 0 {
			return nil
		}
		report := s.Reports[0]
		err := r.do(ctx, r.addresses(), request{http.MethodPost, leasePath(s.Lease) + "/sessions", report, nil})
		if refusedForGood(err) {
			r.log.WithError(err).WithField(fieldSession, report.Session.ID).Warn("the broker refuses a session report")
			err = nil
		}
		if err != nil {
			return err
		}
		if err := r.change(ctx, func(s State) (State, error) { return s.Reported(report.Seq), nil }); err != nil {
			return err
		}
	}
}

// refusedForGood reports a refusal that another try would meet again.
func refusedForGood(err error) bool {
	p, ok := errors.AsType[*wire.Problem](err)
	return ok && (p.Status == http.StatusBadRequest || p.Status == http.StatusRequestEntityTooLarge)
}

// leave gives the lease back, in at most two seconds. Sessions stay as they are.
func (r *registrar) leave(ctx context.Context) {
	if !r.registered {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	err := r.send(ctx, r.present, request{method: http.MethodDelete, path: leasePath(r.now().Lease)})
	if err != nil {
		r.log.WithError(err).Warn("the broker keeps the lease until its life ends")
	}
}

func (r *registrar) addresses() []string {
	return order(r.random, r.present, r.groups, slices.Concat(r.named, r.now().Connectors))
}

func leasePath(lease string) string { return registrationsPath + "/" + url.PathEscape(lease) }

const leaveTime = 2 * time.Second

// turnSpread is how far hosts that the broker asked to come later stray, either way,
// from a moment after that: Retry-After has whole seconds only.
const turnSpread = 500 * time.Millisecond
