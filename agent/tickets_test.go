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
	"understudy/site"
	"understudy/storefront"
	"understudy/vda"
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
