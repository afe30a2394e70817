package storefront

import (
	"context"
	"errors"
	"net/http"
	"time"

	"understudy/broker"
	"understudy/wire"
	"understudy/xmlservice"
)

// Users tells who a user is, or why that cannot be told: an *xmlservice.Refusal.
type Users interface {
	Check(ctx context.Context, claim xmlservice.Claim) (xmlservice.User, error)
}

// XML says how the XML Service and the STA answer (LHC-43).
type XML struct {
	// Off does without both; of who mounts the handlers.
	Off bool
	// Users knows the users; nil: nobody is known.
	Users Users
	// AccessLists and Servers show who may have what, and which machines there are, to
	// whoever asks.
	AccessLists, Servers bool
	// OpenSTA gives tickets also to callers that have not shown who they are.
	OpenSTA bool
	// Resolve, if set, finds the IP address of a desktop that tells a name, for clients that
	// take no names; empty: there is none to be had now.
	Resolve func(ctx context.Context, name string) string
	// OnRefused, if set, hears of users who were not let in.
	OnRefused func(claim xmlservice.Claim, why error)
}

// nobody is known where no directory is.
type nobody struct{}

// Check says that it cannot tell.
func (nobody) Check(context.Context, xmlservice.Claim) (xmlservice.User, error) {
	return xmlservice.User{}, &xmlservice.Refusal{ID: xmlservice.ServiceUnavailable, Detail: "no credentials are configured"}
}

// XMLService answers what clients of an XML Service ask.
func (h *Handlers) XMLService(w http.ResponseWriter, r *http.Request) {
	a, err := askedOf(w, r)
	if err == nil {
		err = a.err
	}
	if errors.Is(err, xmlservice.ErrEncoding) {
		writeXML(w, http.StatusOK, xmlservice.Failure(a.service.Kind, xmlservice.FailedCredentials))
		return
	}
	if err != nil {
		wire.WriteError(w, unreadable(err))
		return
	}
	q := a.service
	answer, err := h.serve(r, q)
	if err != nil {
		id, words := errorID(err)
		answer = xmlservice.Failure(q.Kind, id, words...)
	}
	writeXML(w, http.StatusOK, answer)
}

func unreadable(err error) error {
	if _, told := errors.AsType[*wire.Problem](err); told {
		return err
	}
	return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, err.Error())
}

func writeXML(w http.ResponseWriter, status int, answer []byte) {
	w.Header().Set("Content-Type", xmlservice.ContentType)
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

var errUnknownKind = errors.New("requests of this kind are not answered")

// serve answers one request, by its kind.
func (h *Handlers) serve(r *http.Request, q xmlservice.Request) ([]byte, error) {
	switch q.Kind {
	case xmlservice.ProtocolInfo:
		return xmlservice.ProtocolAnswer(), nil
	case xmlservice.ServerFarmData:
		return xmlservice.FarmAnswer(h.farm()), nil
	case xmlservice.Capabilities:
		return xmlservice.CapabilitiesAnswer("separate-credentials-validation", "user-identity"), nil
	case xmlservice.ServerData:
		return xmlservice.ServersAnswer(h.servers()), nil
	case xmlservice.ValidateCredentials:
		return h.validate(r, q)
	case xmlservice.AppData:
		return h.apps(r, q)
	case xmlservice.Address:
		return h.address(r, q)
	case xmlservice.Ticket:
		return h.logonTicket(r, q)
	case xmlservice.ReconnectSessionData:
		return h.sessionsOf(r, q)
	case xmlservice.DisconnectUserSessions:
		return h.onSessions(r, q, disconnects())
	case xmlservice.LogoffUserSessions:
		return h.onSessions(r, q, logsOff())
	}
	return nil, errUnknownKind
}

func (h *Handlers) farm() string { return h.o.Engine.Index().Site().Name }

func (h *Handlers) servers() []string {
	if !h.o.XML.Servers {
		return nil
	}
	var names []string
	for _, m := range h.o.Engine.Registrations(time.Now()) {
		names = append(names, string(m.Machine))
	}
	return names
}

// user is whom the request is for, if the credentials are good.
func (h *Handlers) user(r *http.Request, c xmlservice.Credentials) (xmlservice.User, error) {
	claim := xmlservice.Claim{Credentials: c, Source: r.Header.Get(wire.HeaderSource), Trusted: trusted(r)}
	u, err := h.o.XML.Users.Check(r.Context(), claim)
	if err != nil && h.o.XML.OnRefused != nil && h.tells(c) {
		h.o.XML.OnRefused(claim, err)
	}
	return u, err
}

// How many refusals that nothing else throttles are told a second, and at once.
const (
	toldRate  = 1
	toldBurst = 100
)

// tells keeps those who do not even try a password from filling the log.
func (h *Handlers) tells(c xmlservice.Credentials) bool {
	return c.Password != "" && len(c.Asserted) == 0 || h.told.take(time.Now())
}

func (h *Handlers) validate(r *http.Request, q xmlservice.Request) ([]byte, error) {
	u, err := h.user(r, q.Credentials)
	if err != nil {
		return nil, err
	}
	var names []xmlservice.Identity
	if q.Identity {
		names = append(names, xmlservice.Identity{Type: "SAM", Name: u.Name})
	}
	return xmlservice.ValidAnswer(names), nil
}

// errorID turns an error into what the protocol has for it, and into words where it
// has too few.
func errorID(err error) (id xmlservice.ErrorID, words []string) {
	if refusal, ok := errors.AsType[*xmlservice.Refusal](err); ok {
		return refusal.ID, nil
	}
	if refusal, ok := errors.AsType[*broker.Refusal](err); ok {
		return idOfCode(refusal.Code, refusal.Status()), []string{refusal.Error()}
	}
	if p, ok := errors.AsType[*wire.Problem](err); ok {
		return idOfCode(p.Code, p.Status), []string{p.Error()}
	}
	if errors.Is(err, errUnknownKind) {
		return xmlservice.Unspecified, []string{err.Error()}
	}
	return xmlservice.ServiceUnavailable, nil
}

func idOfCode(code string, status int) xmlservice.ErrorID {
	switch {
	case code == wire.CodeNoMachine, code == wire.CodeWrongZone:
		return xmlservice.NoServer
	case code == wire.CodeSessionLimit:
		return xmlservice.Overloaded
	case status >= http.StatusInternalServerError:
		return xmlservice.ServiceUnavailable
	}
	return xmlservice.Unspecified
}
