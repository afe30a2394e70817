package storefront

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"understudy/wire"
	"understudy/xmlservice"
)

// Paths of the XML Service and of the STA. Clients write them in any case.
const (
	XMLPath = "/scripts/wpnbr.dll"
	STAPath = "/scripts/ctxsta.dll"
)

// FoldCase gives the two paths the case in which they are mounted.
func FoldCase(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, path := range [...]string{XMLPath, STAPath} {
			if r.URL.Path != path && strings.EqualFold(r.URL.Path, path) {
				r = r.Clone(r.Context())
				r.URL.Path, r.URL.RawPath = path, ""
			}
		}
		next.ServeHTTP(w, r)
	})
}

// asked is a request in XML that has been read.
type asked struct {
	body    []byte
	service xmlservice.Request    // of the XML Service
	sta     xmlservice.StaRequest // of the STA
	isSta   bool
	err     error // it cannot be read
}

type askedKey struct{}

// askedOf reads the request, unless that has been done.
func askedOf(w http.ResponseWriter, r *http.Request) (asked, error) {
	if a, ok := r.Context().Value(askedKey{}).(asked); ok {
		return a, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, xmlservice.MaxBody))
	if err != nil {
		return asked{}, tooMuch(err)
	}
	a := asked{body: body, isSta: r.URL.Path == STAPath}
	if a.isSta {
		a.sta, a.err = xmlservice.ParseSta(body)
	} else {
		a.service, a.err = xmlservice.Parse(body)
	}
	return a, nil
}

func tooMuch(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return wire.Problemf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, "the body is larger than %d bytes", large.Limit)
	}
	return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "the body broke off")
}

// counts reports whether somebody wants to work, and not only to know whether the
// service does (LHC-06).
func (a asked) counts() bool {
	switch {
	case a.err != nil:
		return false
	case a.isSta:
		return a.sta.Known
	}
	switch a.service.Kind {
	case xmlservice.AppData, xmlservice.Ticket, xmlservice.ReconnectSessionData, xmlservice.LogoffUserSessions, xmlservice.DisconnectUserSessions:
		return true
	case xmlservice.Address:
		return !lookup(a.service)
	case xmlservice.ProtocolInfo, xmlservice.ServerFarmData, xmlservice.Capabilities, xmlservice.ServerData, xmlservice.ValidateCredentials:
	}
	return false
}

// Front stands before the handlers where clients come in.
type Front struct {
	// Trusts reports whether the caller has shown who it is.
	Trusts func(r *http.Request) bool
	// OnUse hears that a StoreFront is at work.
	OnUse func()
	// Patience is for how long an answer waits to be read; 0 means DefaultFrontPatience.
	Patience time.Duration
}

// DefaultFrontPatience is for slow lines. Who reads nothing would keep a list of all that
// is published in memory.
const DefaultFrontPatience = 30 * time.Second

// InXML takes in requests to both paths. It notes who calls, and turns whatever is
// refused further on into the words of the protocol.
func (f Front) InXML(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &translated{ResponseWriter: w, line: http.NewResponseController(w), patience: cmp.Or(f.Patience, DefaultFrontPatience)}
		defer func() { _ = out.line.SetWriteDeadline(time.Time{}) }()
		a, err := askedOf(w, r)
		if err != nil {
			wire.WriteError(out, err)
			out.finish(r, a)
			return
		}
		if a.counts() {
			f.OnUse()
		}
		r = r.Clone(context.WithValue(r.Context(), askedKey{}, a))
		r.Body = io.NopCloser(bytes.NewReader(a.body))
		f.note(r)
		next.ServeHTTP(out, r)
		out.finish(r, a)
	})
}

// note says where a request comes from and whether its caller is known, whatever it
// says itself.
func (f Front) note(r *http.Request) {
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	bare(r)
	r.Header.Set(wire.HeaderSource, source)
	r.Header.Del(wire.HeaderTrusted)
	if f.Trusts(r) {
		r.Header.Set(wire.HeaderTrusted, "true")
	}
}

// longestType is more than any client says of what it sends.
const longestType = 128

// bare leaves of a request what counts. The rest is a stranger's, and what refuses it
// further on, for its size say, would look ill.
func bare(r *http.Request) {
	r.URL.RawQuery, r.URL.ForceQuery = "", false
	r.Header.Del("Accept")
	r.Header.Del(wire.HeaderIdempotency)
	if len(r.Header.Get("Content-Type")) > longestType {
		r.Header.Set("Content-Type", xmlservice.ContentType)
	}
}

func trusted(r *http.Request) bool { return r.Header.Get(wire.HeaderTrusted) == "true" }

// translated keeps a problem document back, to be said in XML.
type translated struct {
	http.ResponseWriter
	line     *http.ResponseController
	patience time.Duration
	status   int
	problem  bytes.Buffer
}

// Unwrap is for http.ResponseController.
func (t *translated) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader passes on whatever is no problem.
func (t *translated) WriteHeader(status int) {
	if strings.HasPrefix(t.Header().Get("Content-Type"), "application/problem+json") {
		t.status = status
		return
	}
	_ = t.line.SetWriteDeadline(time.Now().Add(t.patience)) // tests' recorders have no line
	t.ResponseWriter.WriteHeader(status)
}

// Write passes on whatever is no problem.
func (t *translated) Write(b []byte) (int, error) {
	if t.status != 0 {
		return t.problem.Write(b)
	}
	return t.ResponseWriter.Write(b)
}

// finish says the problem, if there was one, with its status: who looks at that alone
// sees that there is no service (LHC-22, LHC-42).
func (t *translated) finish(r *http.Request, a asked) {
	if t.status == 0 {
		return
	}
	var p wire.Problem
	_ = json.Unmarshal(t.problem.Bytes(), &p)
	p.Status = t.status
	id, words := errorID(&p)
	body := xmlservice.Failure(a.service.Kind, id, words...)
	if r.URL.Path == STAPath {
		body = xmlservice.StaFailure(a.sta.Kind, id)
	}
	writeXML(t.ResponseWriter, t.status, body)
}
