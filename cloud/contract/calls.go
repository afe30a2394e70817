package contract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"understudy/site"
	"understudy/wire"
)

// authority is the STA that the suite's connector names.
const authority = "STA0C0FFEE00000"

// callChecks hold registrations, launches and the call stream, with the suite
// playing connectors and desktops.
func callChecks() []check {
	return []check{
		{"registration: 201 with a lease; heartbeat and look-up 200; 404 after leaving (LHC-03)", true, leaseLives},
		{"lease: 403 forbidden to a host whose certificate names another machine", true, leaseIsBound},
		{"term: a lease has no lower term than a relayed request named", true, termOfRequest},
		{"term: a lease has no lower term than the call stream named", true, termOfStream},
		{"call stream: refused over HTTP/1.1", true, streamNeedsHTTP2},
		{"call stream: keep-alives come at least every 5s", true, streamBeats},
		{"launch: 503 zone_unreachable with Retry-After while no connector keeps a stream (LHC-03)", true, launchUnreachable},
		{"launch: prepare comes down the stream and the answer names its address (LHC-03)", true, launchPrepares},
		{"launch: the next machine after one that refuses", true, launchNextMachine},
		{"launch: the next connector after one in HA mode", true, launchNextConnector},
		{"launch: the same Idempotency-Key gets the same answer", true, launchOnce},
		{"ticket: redeemed once, then 410 ticket_used", true, ticketOnce},
		{"session: a running session is listed and reconnected (LHC-37)", true, sessionReconnected},
		{"reset: a pooled desktop is reset after logoff", true, resetAfterLogoff},
		{"assignment: a launched assigned desktop is in a new version (LHC-01, LHC-36)", true, assignmentPublished},
	}
}

// until repeats what becomes true soon.
func until(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(5 * time.Second); ; {
		err := try()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

func (t *trial) callsPath() string { return t.path() + "/connectors/" + string(t.self.FQDN) + "/calls" }

func streamNeedsHTTP2(ctx context.Context, t *trial) error {
	if t.o.TLS != nil {
		return nil // over TLS the client speaks HTTP/2 by itself
	}
	return ask{as: t.connector, method: http.MethodPost, target: t.callsPath()}.refused(ctx, http.StatusHTTPVersionNotSupported, wire.CodeVersion)
}

func streamBeats(ctx context.Context, t *trial) error {
	z, err := keep(ctx, t.connector, 0, prepared)
	if err != nil {
		return err
	}
	defer z.close()
	return z.first(ctx) // a second line: the first came when the stream was opened
}

func (t *trial) launch(user, group string) ask {
	return ask{
		as: t.connector, method: http.MethodPost, target: sessionsPath, header: http.Header{wire.HeaderAuthority: {authority}},
		body: wire.LaunchRequest{User: user, Resource: site.DesktopID(group)},
	}
}

func launchUnreachable(ctx context.Context, t *trial) error {
	if _, err := t.register(ctx, pooledHost); err != nil {
		return err
	}
	return until(ctx, func() error { // streams of earlier checks may be closing yet
		got, err := t.launch("alice", "Pool").wants(ctx, http.StatusServiceUnavailable, nil)
		if err != nil {
			return err
		}
		if got.header.Get("Retry-After") == "" {
			return errors.New("the answer has no Retry-After")
		}
		_, err = got.problem(wire.CodeZoneUnreachable)
		return err
	})
}

func launchPrepares(ctx context.Context, t *trial) error {
	lease, err := t.register(ctx, pooledHost)
	if err != nil {
		return err
	}
	z, err := keep(ctx, t.connector, 0, prepared)
	if err != nil {
		return err
	}
	defer z.close()
	answer, err := t.launched(ctx, "alice", "Pool")
	if err != nil {
		return err
	}
	if answer.Machine != pooledHost || answer.Address != "192.0.2.10" || answer.Authority != authority {
		return fmt.Errorf("the answer is %+v", answer)
	}
	c, err := z.next(ctx)
	if err != nil {
		return err
	}
	return errors.Join(preparesFor(c, lease, answer), t.leave(ctx, lease))
}

func (t *trial) launched(ctx context.Context, user, group string) (wire.LaunchAnswer, error) {
	var answer wire.LaunchAnswer
	_, err := t.launch(user, group).wants(ctx, http.StatusCreated, &answer)
	if err == nil && (answer.Ticket == "" || answer.Session == "" || answer.Lifetime <= 0) {
		err = fmt.Errorf("the answer lacks session, ticket or lifetime: %+v", answer)
	}
	return answer, err
}

func preparesFor(c wire.Call, lease wire.Lease, answer wire.LaunchAnswer) error {
	if c.Machine != answer.Machine || c.Callback == "" || c.Method != http.MethodPost || c.Path != "/v1/sessions" {
		return fmt.Errorf("the call is %s %s%s for %s", c.Method, c.Callback, c.Path, c.Machine)
	}
	var p wire.Prepare
	if err := json.Unmarshal(c.Body, &p); err != nil {
		return fmt.Errorf("the prepare: %w", err)
	}
	if p.Lease != lease.Lease || p.Session != answer.Session || p.User != "alice" || p.Life <= 0 {
		return fmt.Errorf("the prepare is %+v", p)
	}
	return nil
}

func launchNextMachine(ctx context.Context, t *trial) error {
	return t.withShared(ctx, func() error {
		z, err := keep(ctx, t.connector, 0, func(c wire.Call) wire.CallAnswer {
			if c.Machine == busyHost {
				return refusing(http.StatusConflict, wire.CodeBusy)
			}
			return prepared(c)
		})
		if err != nil {
			return err
		}
		defer z.close()
		for _, user := range []string{"alice", "bob"} {
			answer, err := t.launched(ctx, user, "Shared")
			if err != nil {
				return err
			}
			if answer.Machine != freeHost {
				return fmt.Errorf("the machine is %s, want %s", answer.Machine, freeHost)
			}
		}
		return nil
	})
}

// withShared registers both shared hosts while do runs.
func (t *trial) withShared(ctx context.Context, do func() error) error {
	var leases []wire.Lease
	for _, machine := range []site.FQDN{busyHost, freeHost} {
		lease, err := t.register(ctx, machine)
		if err != nil {
			return err
		}
		leases = append(leases, lease)
	}
	err := do()
	for _, lease := range leases {
		err = errors.Join(err, t.leave(ctx, lease))
	}
	return err
}

func launchNextConnector(ctx context.Context, t *trial) error {
	return t.withShared(ctx, func() error {
		away, err := keep(ctx, t.second, 0, func(wire.Call) wire.CallAnswer { return refusing(http.StatusServiceUnavailable, wire.CodeInHAMode) })
		if err != nil {
			return err
		}
		defer away.close()
		z, err := keep(ctx, t.connector, 0, prepared)
		if err != nil {
			return err
		}
		defer z.close()
		for range 5 { // whichever connector is asked first
			if _, err := t.launched(ctx, "alice", "Shared"); err != nil {
				return err
			}
		}
		return nil
	})
}

func launchOnce(ctx context.Context, t *trial) error {
	return t.withShared(ctx, func() error {
		z, err := keep(ctx, t.connector, 0, prepared)
		if err != nil {
			return err
		}
		defer z.close()
		q := t.launch("bob", "Shared")
		q.header.Set(wire.HeaderIdempotency, "contract-1")
		var first, second wire.LaunchAnswer
		if _, err := q.wants(ctx, http.StatusCreated, &first); err != nil {
			return err
		}
		if _, err := q.wants(ctx, http.StatusCreated, &second); err != nil {
			return err
		}
		if first != second {
			return fmt.Errorf("two answers: %+v and %+v", first, second)
		}
		return nil
	})
}

func ticketOnce(ctx context.Context, t *trial) error {
	return t.withShared(ctx, func() error {
		z, err := keep(ctx, t.connector, 0, prepared)
		if err != nil {
			return err
		}
		defer z.close()
		answer, err := t.launched(ctx, "alice", "Shared")
		if err != nil {
			return err
		}
		q := ask{as: t.connector, method: http.MethodPost, target: redeemPath, body: wire.RedeemRequest{Ticket: answer.Ticket}}
		var redeemed wire.RedeemAnswer
		if _, err := q.wants(ctx, http.StatusOK, &redeemed); err != nil {
			return err
		}
		if redeemed.Machine != answer.Machine || redeemed.Address != answer.Address || redeemed.Session != answer.Session {
			return fmt.Errorf("the ticket is for %+v, want %+v", redeemed, answer)
		}
		return q.refused(ctx, http.StatusGone, wire.CodeTicketUsed)
	})
}

func (t *trial) report(ctx context.Context, lease wire.Lease, r wire.SessionReport) error {
	_, err := ask{as: t.connector, method: http.MethodPost, target: registrationsPath + "/" + lease.Lease + "/sessions", body: r}.
		wants(ctx, http.StatusNoContent, nil)
	return err
}

func sessionReconnected(ctx context.Context, t *trial) error {
	lease, err := t.register(ctx, freeHost)
	if err != nil {
		return err
	}
	z, err := keep(ctx, t.connector, 0, prepared)
	if err != nil {
		return err
	}
	defer z.close()
	running := wire.Session{ID: "contract-session", User: "bob", Resource: site.DesktopID("Shared"), State: wire.Active, Started: t.o.Env.Now()}
	if err := t.report(ctx, lease, wire.SessionReport{Seq: 1, Event: wire.SessionStarted, Session: running}); err != nil {
		return err
	}
	answer, err := t.launched(ctx, "bob", "Shared")
	if err == nil && (!answer.Reconnected || answer.Session != running.ID || answer.Machine != freeHost) {
		err = fmt.Errorf("the answer is %+v, want session %s again", answer, running.ID)
	}
	return errors.Join(err, t.leave(ctx, lease))
}

func resetAfterLogoff(ctx context.Context, t *trial) error {
	lease, err := t.register(ctx, pooledHost)
	if err != nil {
		return err
	}
	z, err := keep(ctx, t.connector, 0, prepared)
	if err != nil {
		return err
	}
	defer z.close()
	s := wire.Session{ID: "contract-reset", User: "alice", Resource: site.DesktopID("Pool"), State: wire.Active, Started: t.o.Env.Now()}
	if err := t.report(ctx, lease, wire.SessionReport{Seq: 1, Event: wire.SessionStarted, Session: s, Used: true}); err != nil {
		return err
	}
	if err := t.report(ctx, lease, wire.SessionReport{Seq: 2, Event: wire.SessionEnded, Session: s, Used: true}); err != nil {
		return err
	}
	c, err := z.next(ctx)
	if err == nil && (c.Machine != pooledHost || c.Method != http.MethodPost || c.Path != "/v1/reset") {
		err = fmt.Errorf("the call is %s %s for %s, want POST /v1/reset", c.Method, c.Path, c.Machine)
	}
	return err
}

func assignmentPublished(ctx context.Context, t *trial) error {
	lease, err := t.register(ctx, ownHost)
	if err != nil {
		return err
	}
	z, err := keep(ctx, t.connector, 0, prepared)
	if err != nil {
		return err
	}
	defer z.close()
	if _, err := t.launched(ctx, "alice", "Own"); err != nil {
		return err
	}
	return errors.Join(until(ctx, func() error { return t.owns(ctx, ownHost, "alice") }), t.leave(ctx, lease))
}

func (t *trial) owns(ctx context.Context, machine site.FQDN, user string) error {
	s, header, _, err := t.stream(ctx)
	if err != nil {
		return err
	}
	for _, m := range s.Machines {
		if m.Name == machine && m.AssignedUser == user {
			return nil
		}
	}
	return fmt.Errorf("in version %s %s does not belong to %s", header.Version, machine, user)
}
