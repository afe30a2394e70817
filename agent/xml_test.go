package agent

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/storefront"
	"understudy/vda"
	"understudy/wire"
	"understudy/zone"
)

func askSTA(t *testing.T, h http.HandlerFunc, request string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, storefront.STAPath, strings.NewReader("<CtxSTAProtocol>"+request+"</CtxSTAProtocol>"))
	r.Header.Set(wire.HeaderTrusted, "true")
	w := httptest.NewRecorder()
	front := storefront.Front{Trusts: func(*http.Request) bool { return true }, OnUse: func() {}}
	front.InXML(h).ServeHTTP(w, r)
	return w.Body.String()
}

// Issue 5, 2: a ticket of the STA is redeemed by who issued it, also after the outage,
// and once; while that goes on elsewhere, and for what is another's, the state decides.
func TestOwnSTATickets(t *testing.T) {
	s := &site.Site{Name: "s", Zones: []site.Zone{{Name: "z"}}}
	engine := broker.New(broker.Options{Broker: "c0", Zone: "z", HA: true}, site.NewIndex(s))
	fronts, err := storefront.New(storefront.Options{Engine: engine, Caller: vda.Caller{}, Recorder: &kept{}, Rand: rand.Reader, Authority: "STA0", Zone: "z"})
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`<Ticket>(\w+)</Ticket>`).FindStringSubmatch(askSTA(t, fronts.STA, `<RequestTicket><TicketData><Value name="ICAAddress">a:1</Value></TicketData></RequestTicket>`))
	if found == nil {
		t.Fatal("got no ticket")
	}
	engine.Retire()
	a := &Agent{}
	a.stance.Store(&stance{})
	a.tickets.Store(&serving{outage: "o1", engine: engine, fronts: fronts})
	own := a.ownSTA(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "by state: "+string(body))
	})
	redeem := "<RequestData><Ticket>" + found[1] + "</Ticket></RequestData>"
	a.stance.Store(&stance{state: zone.InitialHA, outage: "o1"})
	for request, state := range map[string]*stance{
		redeem: {state: zone.InitialHA, outage: "o1"},
		"<RequestData><Ticket>other</Ticket></RequestData>": {state: zone.Normal},
		"<RequestTicket/>": {state: zone.Normal},
	} {
		a.stance.Store(state)
		if got := askSTA(t, own, request); !strings.HasPrefix(got, "by state: <CtxSTAProtocol>"+request) {
			t.Errorf("%s: got %s, want it to go on by state, with its body whole", request, got)
		}
	}
	a.stance.Store(&stance{state: zone.Normal, outage: "o1"})
	for _, want := range []string{">a:1<", "<ErrorId>unspecified</ErrorId>"} {
		if got := askSTA(t, own, redeem); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// LHC-06: enumeration in XML is StoreFront traffic, a monitor's probe is none.
// LHC-22: refusals are in XML, at once, whatever the case of the path.
func TestXMLTrafficOpensTheGate(t *testing.T) {
	a := &Agent{front: newFront(time.Now(), 0, false)}
	a.stance.Store(&stance{starting: true})
	r := newRouter()
	r.Use(storefront.FoldCase)
	a.xmlRoutes(r)
	ask := func(request string) {
		in := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/Scripts/WPNBR.dll", strings.NewReader("<NFuseProtocol>"+request+"</NFuseProtocol>"))
		w := httptest.NewRecorder()
		r.ServeHTTP(w, in)
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "<ErrorId>service-unavailable</ErrorId>") {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
	ask("<RequestServerFarmData/>")
	ask("<RequestAddress><Flags>no-load-bias</Flags></RequestAddress>")
	if _, asked := a.front.idle(time.Now()); asked {
		t.Error("a monitor counts as a StoreFront")
	}
	ask("<RequestAppData/>")
	if _, asked := a.front.idle(time.Now()); !asked {
		t.Error("enumeration does not count")
	}
}
