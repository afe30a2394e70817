package storefront

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// How long a machine, and a whole launch, may take.
const (
	machineTime = 3 * time.Second
	launchTime  = 8 * time.Second
	// silentTime is for the withdrawal from a machine that has just kept silent.
	silentTime = time.Second
)

// maxAddress is the longest host name.
const maxAddress = 253

// reserver is what a launch needs of the engine.
type reserver interface {
	Reserve(now time.Time, r broker.LaunchRequest) (broker.Reservation, error)
	Commit(now time.Time, r broker.Reservation) []broker.Record
	Release(now time.Time, r broker.Reservation) bool
	PutAside(now time.Time, r broker.Reservation, f broker.Failure)
}

// launcher takes a launch from the engine's choice to a durable answer: reserve,
// prepare, commit, record. A failure at any point gives back what was reserved.
type launcher struct {
	engine   reserver
	caller   Caller
	recorder Recorder
	rand     io.Reader
	turns    turns
}

// launch tries machine after machine until one agrees. The machine is the
// arbiter: a refusal or silence only excludes it.
func (l *launcher) launch(ctx context.Context, r broker.LaunchRequest) (broker.Reservation, wire.Prepared, error) {
	ctx, cancel := context.WithTimeout(ctx, launchTime)
	defer cancel()
	r.Exclude, r.Without = map[site.FQDN]bool{}, map[string]bool{}
	r.Session = env.Token(l.rand)
	var unreached error
	for {
		held, err := l.engine.Reserve(time.Now(), r)
		if err != nil {
			return held, wire.Prepared{}, cmp.Or(unreached, err)
		}
		at, err := l.prepare(ctx, held)
		if err == nil {
			return held, at, l.keep(ctx, held)
		}
		if l.engine.Release(time.Now(), held) && held.Assign && !answered(err) {
			l.withdraw(ctx, held, silentTime)
		}
		if p := unreachable(err); p != nil {
			if held.Reconnect {
				return held, at, p
			}
			unreached, r.Without[held.Zone] = p, true
		} else if !taken(err) {
			l.engine.PutAside(time.Now(), held, failure(err))
		}
		if held.Pinned && uncertain(err) {
			return held, at, waitForIt(held)
		}
		if ctx.Err() != nil {
			return held, at, tooLong(r, len(r.Exclude)+1)
		}
		r.Exclude[held.Machine] = true
	}
}

// answered reports whether the machine, or a connector before it, has said no. One
// that has not may have made the user its owner: asked to withdraw that, it does not
// become the second desktop of a user who gets another one now (LHC-36).
func answered(err error) bool {
	p, ok := errors.AsType[*wire.Problem](err)
	return ok && (p.Status/100 == 4 || p.Code == wire.CodeDisk)
}

// taken reports whether the machine is well, and has or had another session than its
// broker knew of: the report of that is on its way.
func taken(err error) bool {
	p, ok := errors.AsType[*wire.Problem](err)
	return ok && p.Status == http.StatusConflict
}

// failure says what an error of a prepare tells of the machine.
func failure(err error) broker.Failure {
	switch {
	case wire.IsCode(err, wire.CodeGone):
		return broker.Gone
	case answered(err):
		return broker.Declined
	}
	return broker.Silent
}

// uncertain reports whether the user's session may still run there: the machine has
// not answered, or it holds another broker's lease.
func uncertain(err error) bool {
	return failure(err) == broker.Silent || wire.IsCode(err, wire.CodeLeaseStale)
}

// waitForIt tells a user whose desktop does not answer that there is no second one
// (LHC-37).
func waitForIt(held broker.Reservation) error {
	p := wire.Problemf(http.StatusServiceUnavailable, wire.CodeNoAnswer,
		"the user's session is on %s, which does not answer; there is another desktop when it is known to be gone", held.Machine)
	p.RetryAfter = 5 * time.Second
	return p
}

// unreachable returns the answer when no other machine of the zone can be asked
// either: nobody reaches it, or it does its own brokering.
func unreachable(err error) error {
	if !wire.IsCode(err, wire.CodeZoneUnreachable) && !wire.IsCode(err, wire.CodeInHAMode) {
		return nil
	}
	p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeZoneUnreachable, "no connector of the zone passes on the request to the machine")
	p.RetryAfter = 5 * time.Second
	return p
}

func tooLong(r broker.LaunchRequest, asked int) error {
	p := wire.Problemf(http.StatusServiceUnavailable, wire.CodeNoMachine,
		"none of the %d machines asked for %s agreed within %s", asked, r.Resource, launchTime)
	p.RetryAfter = 5 * time.Second
	return p
}

// prepare asks the machine to take the user.
func (l *launcher) prepare(ctx context.Context, held broker.Reservation) (wire.Prepared, error) {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	answer, err := l.call(ctx, held, http.MethodPost, "/v1/sessions", wire.Prepare{
		Lease: held.Lease, Term: held.Term, Session: held.Session, User: held.User,
		Resource: held.Resource, Command: held.Command, Reconnect: held.Reconnect,
		Reuse: held.Reuse, Assign: held.Assign, Single: held.Single, Life: site.Duration(held.Life),
	})
	if err != nil {
		return wire.Prepared{}, fmt.Errorf("prepare %s: %w", held.Machine, err)
	}
	return prepared(held, answer)
}

func prepared(held broker.Reservation, answer wire.CallAnswer) (wire.Prepared, error) {
	var at wire.Prepared
	if answer.Status != http.StatusCreated && answer.Status != http.StatusOK {
		return at, refused(held, answer)
	}
	if err := json.Unmarshal(answer.Body, &at); err != nil {
		return at, fmt.Errorf("prepare %s: read the answer: %w", held.Machine, err)
	}
	if at.Address == "" || len(at.Address) > maxAddress || strings.ContainsFunc(at.Address, noPart) || at.Port < 1 || at.Port > 65535 {
		return at, fmt.Errorf("prepare %s: the answer names no address", held.Machine)
	}
	return at, nil
}

// noPart are the characters of no address, with which one could say more in a file.
func noPart(r rune) bool { return r <= ' ' || r == 0x7f }

func refused(held broker.Reservation, answer wire.CallAnswer) error {
	var p wire.Problem
	if err := json.Unmarshal(answer.Body, &p); err != nil || p.Code == "" {
		return fmt.Errorf("prepare %s: status %d", held.Machine, answer.Status)
	}
	p.Status = answer.Status
	return fmt.Errorf("prepare %s: %w", held.Machine, &p)
}

// keep makes the launch durable, or undoes it. Launches that share a session take
// turns, so that none is answered by a record of another that is not kept yet.
func (l *launcher) keep(ctx context.Context, held broker.Reservation) error {
	defer l.turns.take(held.Session)()
	records := l.engine.Commit(time.Now(), held)
	if len(records) == 0 {
		return nil
	}
	err := l.recorder.Record(ctx, records)
	if err == nil {
		return nil
	}
	if l.engine.Release(time.Now(), held) {
		l.withdraw(ctx, held, machineTime)
	}
	if _, told := errors.AsType[*wire.Problem](err); told {
		return err
	}
	p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, "the launch could not be made durable")
	p.RetryAfter = time.Second
	return errors.Join(p, err)
}

// withdraw tells the machine that nobody will come; whoever has come meanwhile
// stays. Best effort: the end of the reservation's life tells it the same.
func (l *launcher) withdraw(ctx context.Context, held broker.Reservation, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	_, _ = l.call(ctx, held, http.MethodDelete, "/v1/sessions/"+url.PathEscape(held.Session)+"?withdraw=true", nil)
}

func (l *launcher) call(ctx context.Context, held broker.Reservation, method, path string, body any) (wire.CallAnswer, error) {
	c := wire.Call{ID: env.Short(l.rand, 16), Machine: held.Machine, Callback: held.Callback, Method: method, Path: path}
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return wire.CallAnswer{}, fmt.Errorf("write the request: %w", err)
		}
		c.Body = b
	}
	return l.caller.Call(ctx, c)
}
