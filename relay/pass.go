package relay

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"understudy/wire"
)

const (
	// maxPassed bounds what is passed on for peers at a time.
	maxPassed = 256
	// passTime bounds a request of a peer, and each wait for the peer to take more.
	passTime = DefaultTimeout
)

// Headers of a peer's request, and of the answer, that are passed on.
var (
	asked = [...]string{
		"Accept", "Content-Type", "If-None-Match", wire.HeaderTerm, wire.HeaderAuthority, wire.HeaderIdempotency, wire.HeaderSource, wire.HeaderTrusted,
		wire.HeaderMachines,
	}
	answered = [...]string{"Content-Type", "Content-Disposition", "Cache-Control", "Vary", "Retry-After", "ETag", wire.HeaderTerm}
)

// PassOn passes one request of a peer on to the cloud broker: directly, or not at
// all (NEW-03). What is refused here is not marked, so the peer takes it for no
// answer of the cloud broker.
func (r *Relay) PassOn(w http.ResponseWriter, in *http.Request, p wire.Passed) {
	if why := r.passes(in); why != nil {
		wire.WriteError(w, why)
		return
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		wire.WriteError(w, wire.Problemf(http.StatusBadGateway, wire.CodeBusy, "%d requests of peers are being passed on already", maxPassed))
		return
	}
	ctx, cancel := context.WithCancel(in.Context())
	defer cancel()
	if !p.Calls && !p.Stream {
		ctx, cancel = context.WithTimeout(ctx, passTime)
		defer cancel()
	}
	if err := fill(&p, w, in); err != nil {
		wire.WriteError(w, err)
		return
	}
	resp, err := r.o.Pass(ctx, p)
	if err != nil {
		wire.WriteError(w, wire.NewProblem(http.StatusBadGateway, wire.CodeCloudUnreachable, "the cloud broker gave no usable answer"))
		return
	}
	defer resp.Body.Close()
	r.answerPeer(w, resp, p.Calls)
}

// passes says why a peer's request is not passed on.
func (r *Relay) passes(in *http.Request) error {
	switch {
	case in.Header.Get(wire.HeaderVia) != "":
		return wire.Problemf(http.StatusLoopDetected, wire.CodeRelayedTwice, "%s has passed it on already", wire.Clip(in.Header.Get(wire.HeaderVia)))
	case r.o.Pass == nil:
		return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "this connector passes nothing on for its peers")
	case !r.Direct():
		return wire.NewProblem(http.StatusBadGateway, wire.CodeNotDirect, "this connector does not reach the cloud broker directly itself")
	}
	return nil
}

// fill takes over what the peer asks. Bodies are read first, but for call streams.
func fill(p *wire.Passed, w http.ResponseWriter, in *http.Request) error {
	p.Header = http.Header{}
	for _, key := range asked {
		if v := in.Header.Get(key); v != "" {
			p.Header.Set(key, v)
		}
	}
	p.Body = in.Body
	if p.Calls {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, in.Body, wire.MaxBody))
	if err != nil {
		return unread(err)
	}
	p.Body = bytes.NewReader(body)
	return nil
}

// answerPeer hands the cloud broker's answer over as it comes, marked. One that
// breaks off breaks off here too.
func (r *Relay) answerPeer(w http.ResponseWriter, resp *http.Response, flush bool) {
	for _, key := range answered {
		if v := resp.Header.Get(key); v != "" {
			w.Header().Set(key, v)
		}
	}
	if resp.ContentLength >= 0 && resp.StatusCode != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	w.Header().Set(wire.HeaderVia, string(r.o.Self))
	w.WriteHeader(resp.StatusCode)
	to := &patient{w: w, line: http.NewResponseController(w), flush: flush}
	defer func() { _ = to.line.SetWriteDeadline(time.Time{}) }()
	if flush && to.line.Flush() != nil {
		return
	}
	if _, err := io.Copy(to, resp.Body); err != nil {
		panic(http.ErrAbortHandler)
	}
}

// patient writes to a peer, which has a while to take each part.
type patient struct {
	w     io.Writer
	line  *http.ResponseController
	flush bool
}

// Write writes one part.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.line.SetWriteDeadline(time.Now().Add(passTime))
	n, err := p.w.Write(b)
	if err == nil && p.flush {
		err = p.line.Flush()
	}
	return n, err
}
