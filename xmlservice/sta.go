package xmlservice

import (
	"strconv"
	"strings"
)

// StaKind is what a request to an STA is about.
type StaKind string

// The kinds that are answered: a ticket is asked for, and its data, which spends it.
const (
	StaTicket StaKind = "Ticket"
	StaData   StaKind = "Data"
)

// StaRequest is what a client asks of an STA.
type StaRequest struct {
	Kind StaKind
	// Known is false for a kind that is none of the above.
	Known bool
	// TicketTypes and AuthorityTypes are those that the client takes; none: any.
	TicketTypes, AuthorityTypes []string
	// Values is what a ticket stands for, by name.
	Values map[string]string
	// Refreshable asks for a ticket that can be used more than once.
	Refreshable bool
	// Ticket is the one whose data are wanted.
	Ticket string
}

// AddressValue names the address among a ticket's values.
const AddressValue = "ICAAddress"

const staRoot = "CtxSTAProtocol"

// ParseSta reads a request to an STA.
func ParseSta(body []byte) (StaRequest, error) {
	e, err := request(body, staRoot)
	if err != nil {
		return StaRequest{}, err
	}
	r := StaRequest{
		Kind: StaKind(e.written[len(requestPrefix):]), Ticket: e.value("ticket"), Values: map[string]string{},
		TicketTypes: e.values("allowedtickettype"), AuthorityTypes: e.values("allowedauthorityidtype"),
	}
	for _, k := range []StaKind{StaTicket, StaData} {
		if strings.EqualFold(string(k), string(r.Kind)) {
			r.Kind, r.Known = k, true
		}
	}
	if data := e.child("ticketdata"); data != nil {
		for _, v := range data.children {
			if v.name == "value" {
				r.Values[v.attribute("name")] = v.text
			}
		}
	}
	if control := e.child("control"); control != nil {
		r.Refreshable, _ = strconv.ParseBool(strings.ToLower(control.value("refreshable")))
	}
	return r, nil
}

const (
	staVersion = "4.0"
	// ticketVersion is what clients put before authority and ticket in an address.
	ticketVersion = "40"
)

func staAnswer(kind StaKind, inner func(*writer)) []byte {
	return document(staRoot, "CtxSTA.dtd", staVersion, func(w *writer) { w.with("Response"+string(kind), inner) })
}

// StaTicketAnswer gives a ticket of an authority.
func StaTicketAnswer(authority, ticket string) []byte {
	return staAnswer(StaTicket, func(w *writer) {
		w.text("AuthorityID", authority)
		w.text("Ticket", ticket)
		w.text("TicketVersion", ticketVersion)
	})
}

// StaDataAnswer tells what a ticket stands for: names and values by turns.
func StaDataAnswer(pairs ...string) []byte {
	return staAnswer(StaData, func(w *writer) {
		w.with("TicketData", func(w *writer) {
			for i := 0; i+1 < len(pairs); i += 2 {
				w.text("Value", pairs[i+1], "name", pairs[i])
			}
		})
	})
}

// StaFailure answers a request with the reason why it fails.
func StaFailure(kind StaKind, why ErrorID) []byte {
	return staAnswer(kind, func(w *writer) { w.text("ErrorId", string(why)) })
}
