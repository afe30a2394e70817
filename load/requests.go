package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"understudy/desktop"
	"understudy/env"
	"understudy/wire"
)

const registrationsPath = "/vda/v1/registrations"

func leasePath(lease string) string { return registrationsPath + "/" + url.PathEscape(lease) }

// request is one of a desktop.
type request struct {
	kind         Kind
	method, path string
	in, out      any
}

func (f *fleet) register(ctx context.Context, m *machine) error {
	m.mu.Lock()
	body, invited := m.registration(f.o.Zone), m.invited
	m.mu.Unlock()
	var lease wire.Lease
	if err := f.do(ctx, m, request{Register, http.MethodPost, registrationsPath, body, &lease}); err != nil {
		return err
	}
	err := f.granted(m, lease, len(body.Sessions))
	m.mu.Lock()
	m.registered = m.registered && m.invited == invited // else another one came meanwhile
	m.mu.Unlock()
	return err
}

func (f *fleet) beat(ctx context.Context, m *machine) error {
	m.mu.Lock()
	body, path, told := m.heartbeat(), leasePath(m.state.Lease), len(m.state.Sessions)
	m.mu.Unlock()
	var lease wire.Lease
	if err := f.do(ctx, m, request{Heartbeat, http.MethodPut, path, body, &lease}); err != nil {
		return err
	}
	return f.granted(m, lease, told)
}

// granted takes over a lease; told is how many sessions the broker heard of.
func (f *fleet) granted(m *machine, lease wire.Lease, told int) error {
	if lease.Lease == "" || lease.Interval <= 0 {
		return errors.New("the answer is not a lease")
	}
	now := time.Now()
	m.mu.Lock()
	was := m.broker
	m.state, m.broker, m.registered = m.state.Leased(lease), lease.Broker, true
	m.resync = len(m.state.Sessions) != told
	m.interval = lease.Interval.D()
	m.due = now.Add(env.Jitter(f.dice, m.interval, beatJitter))
	m.mu.Unlock()
	f.ledger.moved(now, was, lease.Broker)
	return nil
}

// report sends what is queued, in order.
func (f *fleet) report(ctx context.Context, m *machine) error {
	for {
		m.mu.Lock()
		if len(m.state.Reports) == 0 {
			m.mu.Unlock()
			return nil
		}
		report, path := m.state.Reports[0], leasePath(m.state.Lease)+"/sessions"
		m.mu.Unlock()
		err := f.do(ctx, m, request{Reported, http.MethodPost, path, report, nil})
		if p, ok := errors.AsType[*wire.Problem](err); err != nil && !(ok && p.Status == http.StatusBadRequest) {
			return err
		}
		if err := m.decide(func(s desktop.State) (desktop.State, error) { return s.Reported(report.Seq), nil }); err != nil {
			return err
		}
	}
}

func (f *fleet) unregister(ctx context.Context, m *machine) {
	m.mu.Lock()
	path, present := leasePath(m.state.Lease), m.present
	m.mu.Unlock()
	_ = f.send(ctx, m, present, request{"", http.MethodDelete, path, nil, nil}) // else the lease lapses
}

// do tries the connectors in order; one that names the elected one is followed,
// for one hop.
func (f *fleet) do(ctx context.Context, m *machine, q request) error {
	m.mu.Lock()
	present := m.present
	m.mu.Unlock()
	began, hopped := time.Now(), false
	tried := map[string]bool{"": true}
	var last error
	for todo := f.order(present); len(todo) > 0; {
		address := todo[0]
		todo = todo[1:]
		if tried[address] {
			continue
		}
		tried[address] = true
		err := f.send(ctx, m, address, q)
		if err == nil || wire.IsCode(err, wire.CodeLeaseUnknown) {
			m.mu.Lock()
			m.present = address
			m.mu.Unlock()
			f.tally.add(q.kind, time.Since(began), err)
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		last = err
		if asksForTime(err) > 0 {
			break
		}
		if next := electedURL(err); next != "" && !hopped {
			hopped = true
			todo = append([]string{next}, todo...)
		}
	}
	f.tally.add(q.kind, time.Since(began), last)
	return last
}

// asksForTime is how long the broker behind all connectors wants to be left alone.
func asksForTime(err error) time.Duration {
	if p, ok := errors.AsType[*wire.Problem](err); ok && p.Status == http.StatusTooManyRequests {
		return p.RetryAfter
	}
	return 0
}

func electedURL(err error) string {
	if p, ok := errors.AsType[*wire.Problem](err); ok && p.Code == wire.CodeNotElected {
		return strings.TrimSuffix(p.ElectedURL, "/")
	}
	return ""
}

// order is the present connector first, then the others at random.
func (f *fleet) order(present string) []string {
	others := make([]string, 0, len(f.o.Connectors)+1)
	for _, c := range f.o.Connectors {
		others = append(others, strings.TrimSuffix(c, "/"))
	}
	env.Shuffle(f.dice, others)
	return append([]string{present}, others...)
}

func (f *fleet) send(ctx context.Context, m *machine, address string, q request) error {
	var body io.Reader
	if q.in != nil {
		b, err := json.Marshal(q.in)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address+q.path, body)
	if err != nil {
		return fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return wire.ReadProblem(resp)
	}
	answer := io.LimitReader(resp.Body, wire.MaxRegistration)
	if q.out == nil {
		_, err = io.Copy(io.Discard, answer)
		return err
	}
	b, err := io.ReadAll(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, q.out)
}
