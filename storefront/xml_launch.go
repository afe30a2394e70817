package storefront

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
	"understudy/xmlservice"
)

const (
	// usualPort is where a desktop is that has not been asked.
	usualPort = 3389
	// lookupTag is the ticket tag of an answer that launched nothing.
	lookupTag = "lookup"
)

// lookup reports whether a request for an address is of somebody who does not come: a
// monitor, or one that does not say who the user is. Nothing is launched for those.
func lookup(q xmlservice.Request) bool {
	c := q.Credentials
	someone := len(c.Asserted) > 0 || c.HasPassword
	return q.NoLoadBias || !someone || q.Target.Kind == xmlservice.ByServer || q.Target.Kind == xmlservice.ByFarm || wholeFarm(q.Target)
}

// wholeFarm: FARM* stands for any server of the farm.
func wholeFarm(t xmlservice.Target) bool {
	return t.Kind == xmlservice.ByAnything && strings.HasSuffix(t.Name, "*")
}

// address launches, or tells where something is.
func (h *Handlers) address(r *http.Request, q xmlservice.Request) ([]byte, error) {
	var at xmlservice.Endpoint
	var err error
	switch {
	case q.Alternate:
		return nil, &xmlservice.Refusal{ID: xmlservice.NoAlternateAddress, Detail: "no machine has a second address"}
	case lookup(q):
		at, err = h.located(q)
	default:
		at, err = h.launched(r, q)
	}
	if err != nil {
		return nil, err
	}
	at.Bare = !strings.Contains(q.AddressType, "port")
	at.Host = h.dotted(r.Context(), at.Host)
	return xmlservice.AddressAnswer(at), nil
}

// resolveTime bounds the wait for a name server: a launch does not fail for it.
const resolveTime = 500 * time.Millisecond

// dotted is an IP address where one is to be had: many clients read nothing else.
func (h *Handlers) dotted(ctx context.Context, host string) string {
	if h.o.XML.Resolve == nil || net.ParseIP(host) != nil {
		return host
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	return cmp.Or(h.o.XML.Resolve(ctx, host), host)
}

// located tells where something is, and holds and launches nothing.
func (h *Handlers) located(q xmlservice.Request) (xmlservice.Endpoint, error) {
	m, err := h.locate(time.Now(), q.Target)
	if err != nil {
		return xmlservice.Endpoint{}, err
	}
	at := xmlservice.Endpoint{Host: string(m.Machine), Port: usualPort, Tag: lookupTag}
	if u, err := url.Parse(m.Callback); err == nil && u.Hostname() != "" {
		at.Host = u.Hostname()
	}
	return at, nil
}

func (h *Handlers) locate(now time.Time, t xmlservice.Target) (broker.RegistrationInfo, error) {
	farm, whole := strings.CutSuffix(t.Name, "*")
	switch {
	case t.Kind == xmlservice.ByServer:
		return h.o.Engine.LocateMachine(now, site.Canonical(t.Name))
	case t.Kind == xmlservice.ByFarm, wholeFarm(t) && whole:
		if !strings.EqualFold(farm, h.farm()) {
			return broker.RegistrationInfo{}, unknownName(t.Name)
		}
		return h.o.Engine.LocateMachine(now, "")
	}
	found := named(h.o.Engine.Index(), t.Name)
	if len(found) == 0 {
		return broker.RegistrationInfo{}, unknownName(t.Name)
	}
	return h.o.Engine.Locate(now, found[0].ID)
}

func unknownName(name string) error {
	return &broker.Refusal{Code: broker.CodeUnknownResource, Detail: fmt.Sprintf("nothing is called %q", wire.Clip(name))}
}

// launched launches for the user, through the same steps as the JSON API.
func (h *Handlers) launched(r *http.Request, q xmlservice.Request) (xmlservice.Endpoint, error) {
	u, err := h.user(r, q.Credentials)
	if err != nil {
		return xmlservice.Endpoint{}, err
	}
	id, err := h.meant(q.Target, u)
	if err != nil {
		return xmlservice.Endpoint{}, err
	}
	answer, err := h.start(context.WithoutCancel(r.Context()), r, wire.LaunchRequest{User: u.Name, Groups: u.Groups, Resource: id})
	if err != nil {
		return xmlservice.Endpoint{}, err
	}
	return xmlservice.Endpoint{Host: answer.Address, Port: answer.Port, Tag: answer.Ticket, Reconnects: answer.Reconnected}, nil
}

// meant is the resource that a user wants: of those with the name, one that the user
// may have.
func (h *Handlers) meant(t xmlservice.Target, u xmlservice.User) (string, error) {
	if t.Kind == xmlservice.BySession && !h.runs(t, u) {
		return "", &broker.Refusal{Code: broker.CodeNoMachine, Detail: "the user has no such session"}
	}
	index := h.o.Engine.Index()
	found := named(index, t.Name)
	for _, res := range found {
		if index.Entitled(u.Name, u.Groups, res.ID) {
			return res.ID, nil
		}
	}
	if len(found) == 0 {
		return "", unknownName(t.Name)
	}
	return found[0].ID, nil
}

// logonTicket gives one more ticket for a launch, to the user whose launch it was.
func (h *Handlers) logonTicket(r *http.Request, q xmlservice.Request) ([]byte, error) {
	u, err := h.user(r, q.Credentials)
	if err != nil {
		return nil, err
	}
	launch, err := h.o.Engine.Peek(time.Now(), q.TicketTag)
	if err != nil {
		return nil, err
	}
	switch {
	case site.UserKey(launch.User) != site.UserKey(u.Name):
		return nil, &broker.Refusal{Code: broker.CodeTicketUnknown, Detail: "the launch was another user's"}
	case launch.Data != "":
		return nil, &broker.Refusal{Code: broker.CodeTicketUnknown, Detail: "the ticket is no launch's"} // else it would never end
	}
	ticket := upperHex(h.o.Rand, logonTicketSize)
	launch.Data = logonTicket
	h.o.Engine.Issue(time.Now(), ticket, launch)
	h.o.Settle(context.WithoutCancel(r.Context()), "")
	return xmlservice.TicketAnswer(ticket), nil
}

// logonTicket marks tickets that are no launch's own.
const logonTicket = "logon"

// Sizes of tickets in bytes, of which each is two digits.
const (
	logonTicketSize = 15
	staTicketSize   = 16
)

func upperHex(random io.Reader, size int) string {
	b := make([]byte, size)
	if _, err := io.ReadFull(random, b); err != nil {
		panic("storefront: there is no randomness: " + err.Error()) // as env.Token does
	}
	return fmt.Sprintf("%X", b)
}
