package relay

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"understudy/env"
	"understudy/wire"
)

const (
	// Redialling waits from firstWait, doubling to lastWait, changed by up to half.
	firstWait = 250 * time.Millisecond
	lastWait  = 5 * time.Second
	spread    = 0.5
	// maxCalls bounds the calls in flight, callTime each of them.
	maxCalls = 256
	callTime = 10 * time.Second
)

// keepStream keeps the call stream up, and its fate in the judge's book.
func (r *Relay) keepStream(ctx context.Context) {
	wait := firstWait
	for r.o.Env.Gate(ctx) == nil {
		used := r.way()
		wasUp, err := r.stream(ctx, used)
		if ctx.Err() != nil {
			return
		}
		r.streamIs(used.route, false, err.Error(), wasUp)
		if used.left.Err() != nil {
			wait = firstWait
			continue
		}
		if wasUp {
			wait = firstWait
		}
		random := r.o.Env.Rand("relay")
		if !r.pause(ctx, env.Jitter(random, wait, spread), r.redial) {
			return
		}
		wait = min(2*wait, lastWait)
	}
}

// streamIs notes that the stream is up or down; only a change is told.
func (r *Relay) streamIs(used *route, up bool, reason string, changed bool) {
	r.mu.Lock()
	used.judge.stream(time.Now(), up, reason)
	r.mu.Unlock()
	if changed {
		r.o.OnStream(up, reason)
	}
}

// stream opens the call stream and serves it until it breaks, or requests go another
// way. It counts as up once the cloud broker has sent a first line.
func (r *Relay) stream(ctx context.Context, used taken) (wasUp bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(used.left, cancel)()
	conn, err := used.cloud.Calls(ctx)
	if err != nil {
		return false, err
	}
	s := &stream{relay: r, route: used.route, conn: conn, answers: make(chan wire.CallAnswer), slots: make(chan struct{}, maxCalls)}
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	var running sync.WaitGroup
	running.Go(func() { defer s.close(); s.write(ctx) })
	err = s.read(ctx, &running)
	cancel()
	s.close()
	running.Wait()
	return s.up, err
}

// stream is one open call stream.
type stream struct {
	relay   *Relay
	route   *route
	conn    io.ReadWriteCloser
	answers chan wire.CallAnswer
	slots   chan struct{} // one taken by each call in flight
	up      bool          // only read() uses it
	once    sync.Once
}

func (s *stream) close() { s.once.Do(func() { _ = s.conn.Close() }) }

func (s *stream) silence() time.Duration { return 3 * s.relay.o.KeepAlive }

// read takes calls until the stream breaks or falls silent.
func (s *stream) read(ctx context.Context, running *sync.WaitGroup) error {
	var silent atomic.Bool
	watchdog := time.AfterFunc(s.silence(), func() { silent.Store(true); s.close() })
	defer watchdog.Stop()
	lines := bufio.NewScanner(s.conn)
	lines.Buffer(nil, wire.MaxObject)
	for lines.Scan() {
		watchdog.Reset(s.silence())
		var c wire.Call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return fmt.Errorf("the call stream carries what is no call: %w", err)
		}
		s.first()
		if c.ID != "" {
			running.Go(func() { s.answer(ctx, c) })
		}
	}
	return s.ended(lines.Err(), silent.Load())
}

func (s *stream) first() {
	if !s.up {
		s.up = true
		s.relay.streamIs(s.route, true, s.route.named("the call stream is up"), true)
	}
}

func (s *stream) ended(err error, silent bool) error {
	switch {
	case silent:
		return fmt.Errorf("nothing was heard on the call stream for %s", s.silence())
	case err == nil:
		return errors.New("the cloud broker closed the call stream")
	}
	return fmt.Errorf("the call stream broke: %w", err)
}

// answer carries out one call and hands the answer to the writer.
func (s *stream) answer(ctx context.Context, c wire.Call) {
	a := s.carryOut(ctx, c)
	a.ID, a.Term = c.ID, s.relay.o.Term()
	select {
	case s.answers <- a:
	case <-ctx.Done():
	}
}

func (s *stream) carryOut(ctx context.Context, c wire.Call) wire.CallAnswer {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	default:
		return Problem(wire.NewProblem(http.StatusServiceUnavailable, wire.CodeBusy, "too many calls are in flight"))
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return s.relay.o.Call(ctx, c)
}

// Problem makes the answer to a call of the connector's own refusal.
func Problem(p *wire.Problem) wire.CallAnswer {
	body, err := json.Marshal(p)
	if err != nil {
		return wire.CallAnswer{Status: http.StatusInternalServerError}
	}
	return wire.CallAnswer{Status: p.Status, Body: body}
}

// write sends answers, and keep-alives with the term where there is none to send.
func (s *stream) write(ctx context.Context) {
	ticker := time.NewTicker(s.relay.o.KeepAlive)
	defer ticker.Stop()
	a := wire.CallAnswer{Term: s.relay.o.Term()}
	for s.send(a) == nil {
		select {
		case <-ctx.Done():
			return
		case a = <-s.answers:
		case <-ticker.C:
			a = wire.CallAnswer{Term: s.relay.o.Term()}
		}
	}
}

// send gives up on a stream that takes nothing.
func (s *stream) send(a wire.CallAnswer) error {
	line, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	timer := time.AfterFunc(s.silence(), s.close)
	defer timer.Stop()
	_, err = s.conn.Write(append(line, '\n'))
	return err
}
