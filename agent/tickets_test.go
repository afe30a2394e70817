package agent

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"understudy/broker"
	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/storefront"
	"understudy/vda"
	"understudy/wire"
	"understudy/zone"
)

// LHC-30, design 6: a ticket is redeemed by who issued it, also after the outage;
// what this connector did not issue goes on by state, with its body whole.
func TestOwnTicketsInEveryState(t *testing.T) {
	s := &site.Site{Name: "s", Zones: []site.Zone{{Name: "z"}}}
	engine := broker.New(broker.Options{Broker: "c0", Zone: "z", HA: true}, site.NewIndex(s))
	engine.Issue(time.Now(), "ours", broker.Ticket{Session: "1", Machine: "m", Zone: "z"})
	engine.Retire()
	a := &Agent{}
	a.stance.Store(&stance{})
	fronts, err := storefront.New(storefront.Options{Engine: engine, Caller: vda.Caller{}, Recorder: &kept{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	a.tickets.Store(&serving{engine: engine, fronts: fronts})
	relayed := a.ownTickets(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "relayed "+string(body))
	})
	for body, want := range map[string]string{
		`{"ticket":"ours"}`:   `{"machine":"m","address":"","port":0,"user":"","session":"1"}` + "\n",
		`{"ticket":"theirs"}`: `relayed {"ticket":"theirs"}`,
		`not JSON`:            "relayed not JSON",
	} {
		w := httptest.NewRecorder()
		relayed(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/storefront/v1/tickets/redeem", strings.NewReader(body)))
		if got := w.Body.String(); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// LHC-30: a ticket is redeemed once, also where the connector that issued it asks
// another one that serves by then, and the outage ends before the ticket does.
func TestTicketSpentElsewhereStaysSpent(t *testing.T) {
	s := &site.Site{Name: "s", Zones: []site.Zone{{Name: "z"}}}
	engine := broker.New(broker.Options{Broker: "c0", Zone: "z", HA: true}, site.NewIndex(s))
	for _, id := range []string{"asked", "tried", "mirrored"} {
		engine.Issue(time.Now(), id, broker.Ticket{Session: "1", Machine: "m", Zone: "z"})
	}
	engine.Retire()
	elected := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, wire.RedeemAnswer{Machine: "m", Session: "1"})
	}))
	defer elected.Close()
	a := &Agent{}
	var err error
	if a.mesh, err = peer.New(peer.Options{Env: env.Real(), Self: "c0", Site: "s", Zone: "z"}); err != nil {
		t.Fatal(err)
	}
	a.mesh.SetPeers([]site.Connector{{FQDN: "c1", Zone: "z", PeerURL: elected.URL}})
	a.stance.Store(&stance{state: zone.ExtendedHA, self: "c0", elected: "c1", outage: "o1"})
	fronts, err := storefront.New(storefront.Options{Engine: engine, Caller: vda.Caller{}, Recorder: &kept{}, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	a.tickets.Store(&serving{outage: "o1", engine: engine, fronts: fronts})
	redeem := func(id, query string) int {
		w := httptest.NewRecorder()
		a.ownTickets(nil)(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/storefront/v1/tickets/redeem"+query, strings.NewReader(`{"ticket":"`+id+`"}`)))
		return w.Code
	}
	if got := redeem("asked", ""); got != http.StatusOK {
		t.Fatalf("got %d from the elected one", got)
	}
	redeem("tried", "?dry_run=true")
	a.spend([]broker.Item{{Kind: broker.ItemTicket, ID: "mirrored", Spent: true}, {Kind: broker.ItemTicket, ID: "tried"}})
	a.stance.Store(&stance{state: zone.Normal, self: "c0"})
	for id, want := range map[string]int{"asked": http.StatusGone, "mirrored": http.StatusGone, "tried": http.StatusOK} {
		if got := redeem(id, ""); got != want {
			t.Errorf("%s: got %d after the outage, want %d", id, got, want)
		}
	}
}
