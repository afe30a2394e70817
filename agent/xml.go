package agent

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/sirupsen/logrus"

	"understudy/relay"
	"understudy/storefront"
	"understudy/wire"
	"understudy/xmlservice"
)

// xmlRoutes are those of the XML Service and of the STA. They ask for no key: requests
// carry their users' credentials, and only a caller that shows a key or certificate is
// trusted to speak for users.
func (a *Agent) xmlRoutes(r chi.Router) {
	if a.o.XML.Off {
		return
	}
	front := storefront.Front{Trusts: a.frontKnown, OnUse: func() { a.front.touch(time.Now()) }}
	r.Group(func(r chi.Router) {
		r.Use(front.InXML)
		r.Post(storefront.XMLPath, a.by(relay.XML, asksXML))
		r.Post(storefront.STAPath, a.ownSTA(a.by(relay.STA, asksSTA)))
	})
}

// ownSTA redeems the tickets of the STA that this connector issued, also when the
// outage is over. While it goes on elsewhere, who serves has the ticket.
func (a *Agent) ownSTA(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		last, s := a.tickets.Load(), a.stance.Load()
		elsewhere := s.state.HA() && last != nil && s.outage == last.outage
		if last == nil || s.serving == last || elsewhere || !last.fronts.IssuedSTA(w, r) {
			next(w, r)
			return
		}
		last.fronts.STA(w, r)
	}
}

// xml is what handlers are told of users and of what may be shown; whoever was not
// let in is logged.
func (a *Agent) xml() storefront.XML {
	x := a.o.XML
	x.OnRefused = func(c xmlservice.Claim, why error) {
		refusal, ok := errors.AsType[*xmlservice.Refusal](why)
		if ok && refusal.ID == xmlservice.AccountLockedOut {
			return // each try of a guesser would be a line
		}
		a.o.Logger.WithFields(logrus.Fields{"user": wire.Clip(c.String()), "source": c.Source, "reason": wire.Clip(why.Error())}).Warn("a user was not let in")
	}
	return x
}
