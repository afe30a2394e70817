package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"understudy/wire"
)

// Handler relays requests of one kind to the same path of the cloud broker
// (LHC-03, LHC-04). What is no usable answer becomes 503 cloud_unreachable.
func (r *Relay) Handler(kind Kind) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, in.Body, kind.limit()))
		if err != nil {
			wire.WriteError(w, unread(err))
			return
		}
		q := request{kind: kind, method: in.Method, target: in.URL.RequestURI(), body: body}
		q.stranger = kind.XML() && in.Header.Get(wire.HeaderTrusted) != "true"
		if q, err = q.read(); err != nil {
			wire.WriteError(w, wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, err.Error()))
			return
		}
		a, err := r.relay(in, q)
		if err != nil {
			wire.WriteError(w, r.unreachable(err))
			return
		}
		a.writeTo(w)
		r.o.OnAnswer(Exchange{Kind: q.kind, Target: q.target, Request: body, Status: a.status, Answer: a.body, RetryAfter: a.retryAfter()})
	})
}

// Exchange is a relayed request and its answer. Who hears of it keeps neither body.
type Exchange struct {
	Kind            Kind
	Target          string // path and query
	Request, Answer []byte
	Status          int
	// RetryAfter is for how long the cloud broker wants to be left alone.
	RetryAfter time.Duration
}

func unread(err error) error {
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return wire.Problemf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	}
	return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "the body broke off")
}

// relay goes on when whoever asked has gone: a cloud broker that hangs must be
// noticed however impatient the callers are.
func (r *Relay) relay(in *http.Request, q request) (answer, error) {
	timeout := r.o.Timeout()
	used := r.way().route
	a, err := r.ask(context.WithoutCancel(in.Context()), timeout, used, q, in.Header)
	if q.dry() {
		return a, err
	}
	if err == nil {
		r.note(used, q, "")
		return a, nil
	}
	reason := fmt.Sprintf("relaying %s: %v", q.kind, err)
	if r.note(used, q, reason) {
		r.o.OnTrouble(q.kind, reason)
	}
	return a, err
}

// note books how a request ended, and reports whether requests still go that way.
func (r *Relay) note(used *route, q request, reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	used.judge.relayed(time.Now(), q, reason)
	return used == r.route
}

// ask sends one request and reads the answer, within the timeout.
func (r *Relay) ask(ctx context.Context, timeout time.Duration, to *route, q request, from http.Header) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	resp, err := to.cloud.Forward(ctx, q.method, q.target, r.header(from), q.body)
	if err == nil {
		var a answer
		if a, err = readAnswer(resp, q.kind); err == nil {
			return a, nil
		}
	}
	if ctx.Err() != nil {
		err = fmt.Errorf("no answer within %s", timeout)
	}
	return answer{}, err
}

func (r *Relay) header(from http.Header) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set(wire.HeaderTerm, strconv.FormatUint(r.o.Term(), 10))
	if r.o.Authority != "" {
		h.Set(wire.HeaderAuthority, r.o.Authority)
	}
	for _, key := range [...]string{"Content-Type", wire.HeaderIdempotency, wire.HeaderSource, wire.HeaderTrusted, wire.HeaderMachines} {
		if v := from.Get(key); v != "" {
			h.Set(key, v)
		}
	}
	if accept := from.Values("Accept"); len(accept) > 0 {
		h.Set("Accept", strings.Join(accept, ", "))
	}
	return h
}

// unreachable says so without inner text, and names a peer that may do better.
func (r *Relay) unreachable(error) *wire.Problem {
	p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeCloudUnreachable, "the cloud broker gave no usable answer")
	p.Elected, p.ElectedURL = r.o.Healthy()
	p.RetryAfter = time.Second
	return p
}
