package storefront

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"understudy/broker"
	"understudy/wire"
	"understudy/xmlservice"
)

// Bounds of the STA: requests a second, and at once, and bytes that a ticket stands for.
const (
	staRate  = 100
	staBurst = 500
	maxData  = 8 << 10
)

// staTicket is what a ticket is kept with. A refreshable one is good until it has not
// been asked for during a whole lifetime: that is ours.
type staTicket struct {
	Values      map[string]string `json:"values"`
	Refreshable bool              `json:"refreshable,omitempty"`
}

// staID is how the engine keeps a ticket of the STA apart from those of launches.
func staID(ticket string) string { return "sta " + ticket }

// STA answers what clients of an STA ask: for a ticket, and what one stands for.
func (h *Handlers) STA(w http.ResponseWriter, r *http.Request) {
	a, err := askedOf(w, r)
	if err == nil {
		err = a.err
	}
	if err != nil {
		wire.WriteError(w, unreadable(err))
		return
	}
	answer, err := h.serveSTA(r, a.sta)
	if err != nil {
		id, _ := errorID(err)
		answer = xmlservice.StaFailure(a.sta.Kind, id)
	}
	writeXML(w, http.StatusOK, answer)
}

func (h *Handlers) serveSTA(r *http.Request, q xmlservice.StaRequest) ([]byte, error) {
	switch {
	case !q.Known:
		return nil, errUnknownKind
	case !h.o.XML.OpenSTA && !trusted(r):
		return nil, &xmlservice.Refusal{ID: xmlservice.NotTrusted, Detail: "the caller has not shown who it is"}
	case !h.sta.take(time.Now()):
		return nil, &xmlservice.Refusal{ID: xmlservice.ServiceUnavailable, Detail: "there are too many requests"}
	case q.Kind == xmlservice.StaData:
		return h.staData(r, q.Ticket)
	}
	return h.staIssue(r, q)
}

func (h *Handlers) staIssue(r *http.Request, q xmlservice.StaRequest) ([]byte, error) {
	data, err := json.Marshal(staTicket{q.Values, q.Refreshable})
	if err != nil || len(data) > maxData {
		return nil, &xmlservice.Refusal{ID: xmlservice.Unspecified, Detail: "the ticket's data are too large"}
	}
	ticket := upperHex(h.o.Rand, staTicketSize)
	h.o.Engine.Issue(time.Now(), staID(ticket), broker.Ticket{Zone: h.zone(r), Data: string(data)})
	h.o.Settle(context.WithoutCancel(r.Context()), "")
	return xmlservice.StaTicketAnswer(h.authority(r), ticket), nil
}

// staData redeems a ticket: once, or again and again where it is refreshable.
func (h *Handlers) staData(r *http.Request, ticket string) ([]byte, error) {
	now := time.Now()
	kept, err := h.o.Engine.Peek(now, staID(ticket))
	if err != nil {
		return nil, err
	}
	var t staTicket
	if err := json.Unmarshal([]byte(kept.Data), &t); err != nil {
		return nil, err
	}
	if t.Refreshable {
		h.o.Engine.Issue(now, staID(ticket), kept)
	} else if _, err := h.o.Engine.Redeem(now, staID(ticket)); err != nil {
		return nil, err
	}
	h.o.Settle(context.WithoutCancel(r.Context()), "")
	var pairs []string
	for _, name := range slices.SortedFunc(maps.Keys(t.Values), addressFirst) {
		pairs = append(pairs, name, t.Values[name])
	}
	return xmlservice.StaDataAnswer(pairs...), nil
}

func addressFirst(a, b string) int {
	if (a == xmlservice.AddressValue) != (b == xmlservice.AddressValue) {
		if a == xmlservice.AddressValue {
			return -1
		}
		return 1
	}
	return cmp.Compare(a, b)
}

// IssuedSTA reports whether these handlers know the ticket that a request to the STA
// wants to redeem.
func (h *Handlers) IssuedSTA(w http.ResponseWriter, r *http.Request) bool {
	a, err := askedOf(w, r)
	if err != nil || a.err != nil || a.sta.Kind != xmlservice.StaData {
		return false
	}
	_, err = h.o.Engine.Peek(time.Now(), staID(a.sta.Ticket))
	refusal, refused := errors.AsType[*broker.Refusal](err)
	return err == nil || refused && refusal.Code == broker.CodeTicketUsed
}

// pace lets so many through a second, and some more at once.
type pace struct {
	rate, burst float64

	mu   sync.Mutex // guards what follows
	room float64
	at   time.Time
}

func (p *pace) take(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.at.IsZero() {
		p.room = p.burst
	} else {
		p.room = min(p.burst, p.room+now.Sub(p.at).Seconds()*p.rate)
	}
	p.at = now
	if p.room < 1 {
		return false
	}
	p.room--
	return true
}
