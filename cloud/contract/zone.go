package contract

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"understudy/cloud"
	"understudy/wire"
)

// keepAlive is how often the suite's connectors send a line.
const keepAlive = time.Second

// zone plays a connector that keeps a call stream and, behind it, the desktops.
type zone struct {
	conn   io.ReadWriteCloser
	answer func(wire.Call) wire.CallAnswer
	term   uint64
	calls  chan wire.Call // what came down
	lines  chan struct{}  // one for each line of any kind
	stop   context.CancelFunc
	ended  sync.WaitGroup
	mu     sync.Mutex // guards writing to conn
}

// keep opens a call stream; answer is what the desktops, or the connector, say.
func keep(ctx context.Context, as *cloud.Client, term uint64, answer func(wire.Call) wire.CallAnswer) (*zone, error) {
	ctx, stop := context.WithCancel(ctx)
	conn, err := as.Calls(ctx)
	if err != nil {
		stop()
		return nil, err
	}
	z := &zone{conn: conn, answer: answer, term: term, calls: make(chan wire.Call, 64), lines: make(chan struct{}, 64), stop: stop}
	z.ended.Go(func() { z.read() })
	z.ended.Go(func() { z.beat(ctx) })
	return z, z.first(ctx)
}

// first waits for the broker's first line, by which it says that the stream is up.
func (z *zone) first(ctx context.Context) error {
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case <-z.lines:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	z.close()
	return errors.New("no line came on the call stream within 5s")
}

func (z *zone) close() {
	z.stop()
	_ = z.conn.Close()
	z.ended.Wait()
}

func (z *zone) read() {
	lines := bufio.NewScanner(z.conn)
	lines.Buffer(nil, wire.MaxObject)
	for lines.Scan() {
		var c wire.Call
		if json.Unmarshal(lines.Bytes(), &c) != nil {
			return
		}
		select {
		case z.lines <- struct{}{}:
		default:
		}
		if c.ID != "" {
			z.take(c)
		}
	}
}

func (z *zone) take(c wire.Call) {
	a := z.answer(c)
	a.ID, a.Term = c.ID, z.term
	select {
	case z.calls <- c:
	default:
	}
	z.send(a)
}

func (z *zone) send(a wire.CallAnswer) {
	line, err := json.Marshal(a)
	if err != nil {
		return
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	_, _ = z.conn.Write(append(line, '\n'))
}

func (z *zone) beat(ctx context.Context) {
	ticker := time.NewTicker(keepAlive)
	defer ticker.Stop()
	for {
		z.send(wire.CallAnswer{Term: z.term})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// next returns the next call that came down.
func (z *zone) next(ctx context.Context) (wire.Call, error) {
	select {
	case c := <-z.calls:
		return c, nil
	case <-ctx.Done():
		return wire.Call{}, errors.New("no call came down the call stream")
	}
}

// prepared is what a desktop says that takes the user, and agrees to all else.
func prepared(c wire.Call) wire.CallAnswer {
	if c.Method == http.MethodPost && c.Path == "/v1/sessions" {
		return said201(wire.Prepared{Address: "192.0.2.10", Port: 7485, Protocol: "ICA"})
	}
	return wire.CallAnswer{Status: http.StatusNoContent}
}

func said201(v any) wire.CallAnswer {
	body, _ := json.Marshal(v)
	return wire.CallAnswer{Status: http.StatusCreated, Body: body}
}

// refusing is a desktop or connector that says no.
func refusing(status int, code string) wire.CallAnswer {
	body, _ := json.Marshal(wire.NewProblem(status, code, ""))
	return wire.CallAnswer{Status: status, Body: body}
}
