package agent

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"understudy/relay"
	"understudy/storefront"
)

// xmlRoutes are those of the XML Service and of the STA. They ask for no key: requests
// carry their users' credentials, and only a caller that shows a key or certificate is
// trusted to speak for users.
func (a *Agent) xmlRoutes(r chi.Router) {
	if a.o.XML.Off {
		return
	}
	front := storefront.Front{Trusts: func(r *http.Request) bool { return a.frontKnown(r) == nil }, OnUse: func() { a.front.touch() }}
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
