// Package storefront is what a StoreFront and a gateway ask of a broker: the
// heartbeat, enumeration, launch and the redemption of tickets, in JSON and as an XML
// Service and an STA, as handlers over the brokering engine. A connector in HA mode and
// the reference cloud broker mount the same handlers; package client is the other end.
package storefront

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/launchfile"
	"understudy/site"
	"understudy/wire"
)

// Caller asks a desktop host something, directly or through a call stream.
type Caller interface {
	Call(ctx context.Context, c wire.Call) (wire.CallAnswer, error)
}

// Recorder makes records durable before it returns.
type Recorder interface {
	Record(ctx context.Context, records []broker.Record) error
}

// Options are what the handlers are made of.
type Options struct {
	Engine   *broker.Engine
	Caller   Caller
	Recorder Recorder
	// Rand is where sessions and tickets get their ids from.
	Rand io.Reader
	// Authority is the STA that launch answers name.
	Authority string
	// Files makes answers in other forms than our own.
	Files launchfile.Maker
	// Now is the wall clock, by which Guacamole tells whether a token is still good; nil
	// stands for the ordinary one.
	Now func() time.Time
	// Zone is preferred in launches.
	Zone string
	// Settle waits, for a moment at most, until peers have what is about to be answered
	// about a group; no group stands for a redeemed ticket. Nil waits for nobody.
	Settle func(ctx context.Context, group string)
	// TrustRelay takes authority and zone from the headers of relayed requests.
	TrustRelay bool
	// XML is of the XML Service and of the STA.
	XML XML
}

func (o Options) validate() error {
	switch {
	case o.Engine == nil:
		return errors.New("storefront: Engine is missing")
	case o.Caller == nil:
		return errors.New("storefront: Caller is missing")
	case o.Recorder == nil:
		return errors.New("storefront: Recorder is missing")
	case o.Rand == nil:
		return errors.New("storefront: Rand is missing")
	}
	return nil
}

// Handlers answer the StoreFront API.
type Handlers struct {
	o        Options
	launcher *launcher
	answers  *memory
	asked    enumerations
	sta      pace
	told     pace // of users who were refused before a password was looked at
}

// New returns the handlers.
func New(o Options) (*Handlers, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Settle == nil {
		o.Settle = func(context.Context, string) {}
	}
	if o.XML.Users == nil {
		o.XML.Users = nobody{}
	}
	return &Handlers{
		o:        o,
		launcher: &launcher{engine: o.Engine, caller: o.Caller, recorder: o.Recorder, rand: o.Rand},
		answers:  newMemory(),
		sta:      pace{rate: staRate, burst: staBurst},
		told:     pace{rate: toldRate, burst: toldBurst},
	}, nil
}

// Routes mounts the paths of the API, without the heartbeat.
func (h *Handlers) Routes(r chi.Router) {
	r.Post("/storefront/v1/resources", h.Resources)
	r.Post("/storefront/v1/sessions", h.Launch)
	r.Post("/storefront/v1/tickets/redeem", h.Redeem)
	if !h.o.XML.Off {
		r.Post(XMLPath, h.XMLService)
		r.Post(STAPath, h.STA)
	}
}

// Heartbeat answers a StoreFront's heartbeat by itself in every state (LHC-04).
func Heartbeat(state func() (wire.FrontHeartbeat, *wire.Problem)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		beat, problem := state()
		if problem != nil {
			wire.WriteError(w, problem)
			return
		}
		wire.WriteJSON(w, http.StatusOK, beat)
	})
}

// Authority returns the STA authority id of a connector.
func Authority(name site.FQDN) string {
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("STA%X", sum[:6])
}

// Resources lists what a user may launch.
func (h *Handlers) Resources(w http.ResponseWriter, r *http.Request) {
	e := h.asked.begin()
	defer h.asked.end(e)
	if _, err := read(w, r, &e.in); err != nil {
		wire.WriteError(w, err)
		return
	}
	e.list = h.o.Engine.AppendResources(e.list[:0], e.in.User, e.in.Groups)
	e.text = appendResources(e.text[:0], e.list)
	wire.WriteText(w, http.StatusOK, e.text)
}

// Redeem spends a ticket.
func (h *Handlers) Redeem(w http.ResponseWriter, r *http.Request) {
	var in wire.RedeemRequest
	dry, err := read(w, r, &in)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	spend := h.o.Engine.Redeem
	if dry {
		spend = h.o.Engine.Peek
	}
	t, err := spend(time.Now(), in.Ticket)
	if err != nil {
		wire.WriteError(w, problem(err))
		return
	}
	if !dry {
		h.o.Settle(context.WithoutCancel(r.Context()), "")
	}
	wire.WriteJSON(w, http.StatusOK, wire.RedeemAnswer{
		Machine: t.Machine, Address: t.Address, Port: t.Port, User: t.User, Session: t.Session,
	})
}

// read decodes the body and tells whether the request is only a health probe,
// which must change nothing.
func read(w http.ResponseWriter, r *http.Request, in any) (dry bool, err error) {
	if dry, err = Dry(r); err != nil {
		return false, err
	}
	return dry, wire.Read(w, r, wire.MaxBody, wire.Refuse, in)
}

// Dry reports whether a request is only a health probe.
func Dry(r *http.Request) (dry bool, err error) {
	if r.URL.RawQuery == "" {
		return false, nil
	}
	text := r.URL.Query().Get("dry_run")
	if text == "" {
		return false, nil
	}
	if dry, err = strconv.ParseBool(text); err != nil {
		return false, wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "dry_run %q is not true or false", text)
	}
	return dry, nil
}

// problem turns a refusal of the engine into what goes over the wire.
func problem(err error) error {
	refusal, ok := errors.AsType[*broker.Refusal](err)
	if !ok {
		return err
	}
	p := wire.NewProblem(refusal.Status(), refusal.Code, refusal.Detail)
	p.Zones = refusal.Zones
	if p.Status == http.StatusServiceUnavailable {
		p.RetryAfter = 5 * time.Second
	}
	return p
}
