package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/sirupsen/logrus"

	"understudy/site"
	"understudy/wire"
)

var (
	errEnded    = errors.New("the call stream has ended")
	errNoAnswer = errors.New("the connector sent what is no answer")
)

// callStream is one connector's call stream: calls go down, answers come up.
type callStream struct {
	connector site.Connector
	keepAlive time.Duration
	out       chan wire.Call
	done      chan struct{} // closed when the stream has ended
	once      sync.Once
	why       string // it ended; may be read once done is closed

	mu      sync.Mutex // guards waiting and last
	waiting map[string]chan wire.CallAnswer
	last    uint64 // the latest id
}

func newCallStream(c site.Connector, keepAlive time.Duration) *callStream {
	return &callStream{
		connector: c, keepAlive: keepAlive, out: make(chan wire.Call), done: make(chan struct{}),
		waiting: map[string]chan wire.CallAnswer{},
	}
}

// end ends the stream; the first reason counts.
func (s *callStream) end(why string) { s.once.Do(func() { s.why = why; close(s.done) }) }

func (s *callStream) silence() time.Duration { return 3 * s.keepAlive }

// call sends one call down and waits for its answer.
func (s *callStream) call(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
	asked := c.ID
	answer := make(chan wire.CallAnswer, 1)
	c.ID = s.expect(answer)
	defer s.forget(c.ID)
	select {
	case s.out <- c:
	case <-s.done:
		return wire.CallAnswer{}, errEnded
	case <-ctx.Done():
		return wire.CallAnswer{}, ctx.Err()
	}
	select {
	case a := <-answer:
		a.ID = asked
		return a, nil
	case <-s.done:
		return wire.CallAnswer{}, errEnded
	case <-ctx.Done():
		return wire.CallAnswer{}, ctx.Err()
	}
}

func (s *callStream) expect(answer chan wire.CallAnswer) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	id := strconv.FormatUint(s.last, 10)
	s.waiting[id] = answer
	return id
}

func (s *callStream) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, id)
}

// deliver hands an answer to who waits for it; nobody does when it is late.
func (s *callStream) deliver(a wire.CallAnswer) {
	s.mu.Lock()
	answer := s.waiting[a.ID]
	delete(s.waiting, a.ID)
	s.mu.Unlock()
	if answer != nil {
		answer <- a
	}
}

// takeCalls keeps a connector's call stream until either side ends it.
func (s *Server) takeCalls(w http.ResponseWriter, r *http.Request) {
	c, err := s.mayCall(r)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	stream := newCallStream(c, s.o.KeepAlive)
	if !s.hub.add(stream) {
		p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeStarting, "the cloud broker is stopping")
		p.RetryAfter = time.Second
		wire.WriteError(w, p)
		return
	}
	defer s.hub.remove(stream)
	log := s.log.WithFields(logrus.Fields{"connector": string(c.FQDN), "zone": c.Zone})
	log.Info("a call stream is up")
	s.keepCalls(r.Context(), stream, w, r.Body)
	log.WithField("reason", stream.why).Info("a call stream is down")
}

func (s *Server) mayCall(r *http.Request) (site.Connector, error) {
	if r.ProtoMajor < 2 {
		return site.Connector{}, wire.NewProblem(http.StatusHTTPVersionNotSupported, wire.CodeVersion, "a call stream needs HTTP/2")
	}
	return s.asks(r, chi.URLParam(r, "fqdn"))
}

// keepCalls reads answers and writes calls; it returns when both have ended.
func (s *Server) keepCalls(ctx context.Context, stream *callStream, w http.ResponseWriter, body io.ReadCloser) {
	var reading sync.WaitGroup
	reading.Go(func() { stream.end(whyEnded(s.readAnswers(stream, body))) })
	_ = stream.write(ctx, w)
	stream.end(gone)
	_ = body.Close()
	reading.Wait()
}

// gone is why a stream ends most often: reading or writing finds out first.
const gone = "the connection to the connector has ended"

func whyEnded(err error) string {
	if errors.Is(err, errNoAnswer) {
		return err.Error()
	}
	return gone
}

// readAnswers returns when the stream breaks or falls silent.
func (s *Server) readAnswers(stream *callStream, body io.ReadCloser) error {
	watchdog := time.AfterFunc(stream.silence(), func() {
		stream.end(fmt.Sprintf("nothing was heard for %s", stream.silence()))
		_ = body.Close()
	})
	defer watchdog.Stop()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, wire.MaxObject)
	for lines.Scan() {
		watchdog.Reset(stream.silence())
		var a wire.CallAnswer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return fmt.Errorf("%w: %w", errNoAnswer, err)
		}
		s.engine.Observe(stream.connector.Zone, a.Term)
		if a.ID != "" {
			stream.deliver(a)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read answers: %w", err)
	}
	return errors.New("the connector closed it")
}

// write sends calls, and keep-alives where there are none, the first at once.
func (s *callStream) write(ctx context.Context, w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	line := http.NewResponseController(w)
	ticker := time.NewTicker(s.keepAlive)
	defer ticker.Stop()
	var c wire.Call
	for {
		if err := s.send(line, w, c); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return errEnded
		case c = <-s.out:
		case <-ticker.C:
			c = wire.Call{}
		}
	}
}

func (s *callStream) send(line *http.ResponseController, w io.Writer, c wire.Call) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode a call: %w", err)
	}
	_ = line.SetWriteDeadline(time.Now().Add(s.silence()))
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write a call: %w", err)
	}
	return line.Flush()
}
