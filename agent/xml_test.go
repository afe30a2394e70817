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
	return postSTA(t, h, request).Body.String()
}

func postSTA(t *testing.T, h http.HandlerFunc, request string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, storefront.STAPath, strings.NewReader("<CtxSTAProtocol>"+request+"</CtxSTAProtocol>"))
	r.Header.Set(wire.HeaderTrusted, "true")
	w := httptest.NewRecorder()
	front := storefront.Front{Trusts: func(*http.Request) bool { return true }, OnUse: func() {}}
	front.InXML(h).ServeHTTP(w, r)
	return w
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

// LHC-22, LHC-30: who issued a ticket and has lost the office in the same outage says
// that it cannot serve, not that the ticket is bad: a gateway goes on to its next STA. Of
// those who serves redeems it where tickets are mirrored.
func TestSTATicketAfterTheOffice(t *testing.T) {
	for _, mode := range site.Failovers() {
		s := &site.Site{Name: "s", Zones: []site.Zone{{Name: "z"}}, STAFailover: mode}
		sta := func(name site.FQDN) (*broker.Engine, *storefront.Handlers) {
			engine := broker.New(broker.Options{Broker: name, Zone: "z", HA: true}, site.NewIndex(s))
			fronts, err := storefront.New(storefront.Options{Engine: engine, Caller: vda.Caller{}, Recorder: &kept{}, Rand: rand.Reader, Zone: "z"})
			if err != nil {
				t.Fatal(err)
			}
			return engine, fronts
		}
		before, issuer := sta("c0")
		after, serves := sta("c1")
		before.Mirror()
		issued := askSTA(t, issuer.STA, `<RequestTicket><TicketData><Value name="ICAAddress">a:1</Value></TicketData></RequestTicket>`)
		redeem := "<RequestData>" + regexp.MustCompile(`<Ticket>\w+</Ticket>`).FindString(issued) + "</RequestData>"
		tail, _ := before.Tail(time.Now(), 0, 10, nil)
		after.Import(time.Now(), tail.Items)
		a := &Agent{}
		a.tickets.Store(&serving{outage: "o1", engine: before, fronts: issuer})
		a.stance.Store(&stance{state: zone.InitialHA, outage: "o1", self: "c0", elected: "c1", until: time.Now().Add(time.Hour)})
		got := postSTA(t, a.ownSTA(a.answer(nil, asksSTA)), redeem)
		if got.Code != http.StatusServiceUnavailable || !strings.Contains(got.Body.String(), "<ResponseData><ErrorId>service-unavailable</ErrorId></ResponseData>") {
			t.Errorf("%s, the issuer: got %d %s, want service-unavailable", mode, got.Code, got.Body)
		}
		if got := askSTA(t, serves.STA, redeem); strings.Contains(got, ">a:1<") != (mode == site.Stateful) {
			t.Errorf("%s, who serves: got %s", mode, got)
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
