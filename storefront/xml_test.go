package storefront_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/storefront"
	"understudy/wire"
	"understudy/xmlservice"
)

// people is a directory: bob's password is good, and trusted callers are believed.
type people struct{}

func (people) Check(_ context.Context, c xmlservice.Claim) (xmlservice.User, error) {
	switch {
	case len(c.Asserted) > 0 && c.Trusted:
		return xmlservice.User{Name: c.Asserted[0].Name}, nil
	case len(c.Asserted) > 0:
		return xmlservice.User{}, &xmlservice.Refusal{ID: xmlservice.NotTrusted}
	case c.Password == "secret":
		return xmlservice.User{Name: c.User}, nil
	}
	return xmlservice.User{}, &xmlservice.Refusal{ID: xmlservice.FailedCredentials}
}

// newXMLFront is newFront as clients of an XML Service see it.
func newXMLFront(t testing.TB, change func(*storefront.Options)) *front {
	t.Helper()
	f := newFront(t)
	o := storefront.Options{
		Engine: f.engine, Caller: f.hosts, Recorder: f.disk, Rand: rand.Reader, Authority: "STA1", Zone: "east",
		XML: storefront.XML{Users: people{}},
	}
	if change != nil {
		change(&o)
	}
	h, err := storefront.New(o)
	if err != nil {
		t.Fatal(err)
	}
	in := storefront.Front{Trusts: func(r *http.Request) bool { return r.Header.Get("Authorization") != "" }, OnUse: func() { f.used++ }}
	f.router = chi.NewRouter()
	f.router.Use(storefront.FoldCase)
	f.router.Group(func(r chi.Router) {
		r.Use(in.InXML)
		h.Routes(r)
	})
	return f
}

// xml asks, and wants 200.
func (f *front) xml(t testing.TB, request string, headers ...string) string {
	t.Helper()
	return f.send(t, "/scripts/WPnBr.dll", `<NFuseProtocol version="5.0">`+request+"</NFuseProtocol>", headers...)
}

func (f *front) sta(t testing.TB, request string, headers ...string) string {
	t.Helper()
	return f.send(t, "/Scripts/CtxSTA.DLL", `<CtxSTAProtocol version="4.0">`+request+"</CtxSTAProtocol>", headers...)
}

func (f *front) send(t testing.TB, path, body string, headers ...string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.router.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/xml" {
		t.Fatalf("got %d %s: %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	_, inner, _ := strings.Cut(w.Body.String(), `.dtd">`)
	return inner
}

var bob = `<Credentials><UserName>bob</UserName><Password encoding="ctx1">` + xmlservice.Ctx1("secret") + `</Password><Domain type="NT">ACME</Domain></Credentials>`

const (
	wrong = `<Credentials><UserName>bob</UserName><Password encoding="cleartext">guess</Password></Credentials>`
)

func validate(inner string) string {
	return "<RequestValidateCredentials>" + inner + "</RequestValidateCredentials>"
}

func wantIn(t testing.TB, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("got %s\nwant it to contain %s", got, part)
		}
	}
}

func wantOut(t testing.TB, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(got, part) {
			t.Errorf("got %s\nwant it not to contain %s", got, part)
		}
	}
}

func address(credentials, name string) string {
	return `<RequestAddress><Flags></Flags><ServerAddress addresstype="dot-port"/><Name><AppName>` + name + `</AppName></Name>` + credentials + `</RequestAddress>`
}

func tag(t testing.TB, answer string) string {
	t.Helper()
	found := regexp.MustCompile(`<TicketTag>([^<]+)</TicketTag>`).FindStringSubmatch(answer)
	if found == nil {
		t.Fatalf("no ticket tag in %s", answer)
	}
	return found[1]
}

// LHC-43: what every known client asks before users come, and what it must see.
func TestXMLWithoutUsers(t *testing.T) {
	f := newXMLFront(t, nil)
	for request, want := range map[string]string{
		"<RequestProtocolInfo><Nil/></RequestProtocolInfo>":                   `<ServerAddress addresstype="no-change">`,
		"<RequestServerFarmData><Nil /></RequestServerFarmData>":              "<ServerFarmName>acme</ServerFarmName>",
		"<RequestCapabilities></RequestCapabilities>":                         "<CapabilityId>user-identity</CapabilityId>",
		"<RequestServerData><ServerType>all</ServerType></RequestServerData>": "<ResponseServerData></ResponseServerData>",
		"<RequestSomethingNew/>":                                              "<ResponseSomethingNew><ErrorId>unspecified</ErrorId>",
		"<RequestLogoffUserSessions><Nil/></RequestLogoffUserSessions>":       "<ErrorId>failed-credentials</ErrorId>",
		validate(wrong):           "<ErrorId>failed-credentials</ErrorId>",
		validate(bob):             "<ResponseValidateCredentials></ResponseValidateCredentials>",
		validate(asserted("bob")): "<ErrorId>not-trusted</ErrorId>",
		validate("<DesiredInfo>user-identity</DesiredInfo>" + bob): `<ID type="SAM">bob</ID>`,
		validate(strings.Replace(wrong, "cleartext", "rsa128", 1)): "<ErrorId>failed-credentials</ErrorId>",
	} {
		wantIn(t, f.xml(t, request), want)
	}
	if f.used != 1 { // the log off
		t.Errorf("a StoreFront was at work %d times, want 1: monitors are none (LHC-06)", f.used)
	}
}

func asserted(user string) string {
	return `<Credentials><ID type="SAM">ACME\` + user + `</ID></Credentials>`
}

// LHC-43: enumeration. "Access lists and server lists are hidden unless switched on."
func TestXMLEnumeration(t *testing.T) {
	f := newXMLFront(t, nil)
	const all = "<DesiredDetails>all</DesiredDetails><DesiredDetails>access-list</DesiredDetails>"
	got := f.xml(t, "<RequestAppData>"+all+"</RequestAppData>")
	wantIn(t, got, "<FName>Pool</FName>", "<FName>Far</FName>", "<FName>Own</FName>", "<PublisherName>acme</PublisherName>")
	wantOut(t, got, "bob", "AccessList", "<AppData ")
	got = f.xml(t, "<RequestAppData>"+bob+"</RequestAppData>")
	wantIn(t, got, "<InName>desktop:pool</InName>", "<FName>Far</FName>")
	wantOut(t, got, "Own")
	wantIn(t, f.xml(t, "<RequestAppData>"+wrong+"</RequestAppData>"), "<ErrorId>failed-credentials</ErrorId>")
	wantOut(t, f.xml(t, `<RequestAppData><Scope type="PNFolder" traverse="onelevel">$PRELAUNCH$</Scope>`+bob+"</RequestAppData>"), "<InName>")
	wantOut(t, f.xml(t, `<RequestAppData><ClientType>content</ClientType>`+bob+"</RequestAppData>"), "<InName>")
	if f.used != 5 {
		t.Errorf("LHC-06: a StoreFront was at work %d times, want 5", f.used)
	}
	shown := newXMLFront(t, func(o *storefront.Options) { o.XML.AccessLists, o.XML.Servers = true, true })
	wantIn(t, shown.xml(t, "<RequestAppData>"+all+"</RequestAppData>"), "<User><UserName>bob</UserName>")
	wantIn(t, shown.xml(t, "<RequestServerData/>"), "<ServerName>p1</ServerName>", "<ServerName>p2</ServerName>")
}

// LHC-43: a launch goes through prepare and record, by whatever name a client knows
// the resource; its tag gives logon tickets of 30 digits to the same user, once each.
func TestXMLLaunch(t *testing.T) {
	for _, name := range []string{"desktop:pool", "Pool", "pOOL", "\npool\n"} {
		f := newXMLFront(t, nil)
		got := f.xml(t, address(bob, name))
		wantIn(t, got, `<ServerAddress addresstype="dot-port">10.0.0.1:3389</ServerAddress>`)
		if f.hosts.log() != "p1 POST sessions" || len(f.disk.records) != 1 {
			t.Errorf("%q: calls %s, records %v", name, f.hosts.log(), f.disk.records)
		}
		request := "<RequestTicket><TicketType>CtxLogon</TicketType><TicketTag>" + tag(t, got) + "</TicketTag>"
		ticket := regexp.MustCompile(`<Ticket>([0-9A-F]{30})</Ticket>`).FindStringSubmatch(f.xml(t, request+bob+"</RequestTicket>"))
		if ticket == nil {
			t.Fatal("no ticket of 30 digits")
		}
		wantIn(t, f.xml(t, request+asserted("alice")+"</RequestTicket>", "Authorization", "Bearer k"), "<ErrorId>unspecified</ErrorId>")
		wantIn(t, f.xml(t, request+wrong+"</RequestTicket>"), "<ErrorId>failed-credentials</ErrorId>")
		// A ticket for a ticket would go on for ever.
		wantIn(t, f.xml(t, "<RequestTicket><TicketTag>"+ticket[1]+"</TicketTag>"+bob+"</RequestTicket>"), "<ErrorId>unspecified</ErrorId>")
		for want := range 2 {
			if _, err := f.engine.Redeem(time.Now(), ticket[1]); (err != nil) != (want == 1) {
				t.Errorf("redemption %d: %v", want, err)
			}
		}
	}
}

// The forms of addresses: "honour dot exactly".
func TestXMLAddressForms(t *testing.T) {
	for form, want := range map[string]string{
		"dot": `addresstype="dot">10.0.0.1<`, "dns-port": `addresstype="dot-port">10.0.0.1:3389<`, "": `addresstype="dot">10.0.0.1<`,
	} {
		f := newXMLFront(t, nil)
		wantIn(t, f.xml(t, strings.Replace(address(bob, "pool"), "dot-port", form, 1)), want)
	}
}

// Clients that read only digits get those of a desktop that tells a name, where a name
// server has them; else the name.
func TestXMLAddressOfAName(t *testing.T) {
	for known, want := range map[string]string{"192.0.2.7": `addresstype="dot-port">192.0.2.7:3389<`, "": `addresstype="dns-port">ws1.example:3389<`} {
		f := newXMLFront(t, func(o *storefront.Options) {
			o.XML.Resolve = func(context.Context, string) string { return known }
		})
		f.hosts.answer = func(_ context.Context, c wire.Call) (wire.CallAnswer, error) {
			return wire.CallAnswer{ID: c.ID, Status: http.StatusCreated, Body: []byte(`{"address":"ws1.example","port":3389,"protocol":"rdp"}`)}, nil
		}
		wantIn(t, f.xml(t, address(bob, "pool")), want)
	}
}

// LHC-43: "no-load-bias never consumes anything", nor does a client that does not show
// who the user is, however often it asks and whatever is free.
func TestXMLLookupHoldsNothing(t *testing.T) {
	f := newXMLFront(t, nil)
	for _, request := range []string{
		"<RequestAddress><Flags>no-load-bias</Flags><Name><AppName>pool</AppName></Name></RequestAddress>",
		"<RequestAddress><Flags>no-load-bias</Flags><Name><AppName>pool</AppName></Name>" + bob + "</RequestAddress>",
		address("<Credentials><UserName>monitor</UserName><Domain>x</Domain></Credentials>", "Pool"),
		"<RequestAddress><Flags/><Name><UnspecifiedName>ACME*</UnspecifiedName></Name>" + bob + "</RequestAddress>",
		"<RequestAddress><Name><ServerName>P1</ServerName></Name></RequestAddress>",
		"<RequestAddress><Name><ServerFarmName>acme</ServerFarmName></Name></RequestAddress>",
	} {
		for range 5 {
			wantIn(t, f.xml(t, request), "<TicketTag>lookup</TicketTag>", ">p1")
		}
	}
	if s := f.engine.Stats(); s.Sessions != 0 || s.Reserved != 0 || s.Tickets != 0 || len(f.disk.records) != 0 || f.hosts.log() != "" || f.used != 0 {
		t.Errorf("got %+v, records %v, calls %q, used %d: want nothing", s, f.disk.records, f.hosts.log(), f.used)
	}
	wantIn(t, f.xml(t, "<RequestTicket><TicketTag>lookup</TicketTag>"+bob+"</RequestTicket>"), "<ErrorId>unspecified</ErrorId>")
}

// Each reason why there is no session has its ErrorId.
func TestXMLLaunchErrors(t *testing.T) {
	f := newXMLFront(t, nil)
	for request, want := range map[string]string{
		address(wrong, "pool"):           "failed-credentials",
		address(bob, "nothing"):          "unspecified",
		address(bob, "own"):              "unspecified",
		address(bob, "far"):              "no-server",
		address(asserted("bob"), "pool"): "not-trusted",
		"<RequestAddress><Flags>alt-addr</Flags><Name><AppName>pool</AppName></Name>" + bob + "</RequestAddress>":                           "no-alt-address",
		"<RequestAddress><Name><SessionName><InName>pool</InName><SessionId>7</SessionId></SessionName></Name>" + bob + "</RequestAddress>": "no-server",
		"<RequestAddress><Flags>no-load-bias</Flags><Name><ServerFarmName>other</ServerFarmName></Name></RequestAddress>":                   "unspecified",
		"<RequestAddress><Flags>no-load-bias</Flags><Name><AppName>own</AppName></Name></RequestAddress>":                                   "no-server",
	} {
		wantIn(t, f.xml(t, request), "<ErrorId>"+want+"</ErrorId>")
		wantOut(t, f.xml(t, request), "TicketTag")
	}
	f.hosts.answer = func(context.Context, wire.Call) (wire.CallAnswer, error) {
		return refuse(http.StatusServiceUnavailable, wire.CodeZoneUnreachable)
	}
	wantIn(t, f.xml(t, address(bob, "pool")), "<ErrorId>service-unavailable</ErrorId>")
	if s := f.engine.Stats(); s.Reserved != 0 {
		t.Errorf("got %+v, want nothing reserved", s)
	}
}

// LHC-43: a user's sessions are listed with a number, and the one named is reconnected
// to; disconnect and log off reach the host of each.
func TestXMLSessions(t *testing.T) {
	f := newXMLFront(t, nil)
	wantIn(t, f.xml(t, "<RequestReconnectSessionData>"+bob+"</RequestReconnectSessionData>"), "<ResponseReconnectSessionData></ResponseReconnectSessionData>")
	f.xml(t, address(bob, "pool"))
	session := f.engine.Sessions()[0].Session
	session.State = broker.Active
	_, _, err := f.engine.Report(time.Now(), "lease-p1", broker.Report{Seq: 1, Event: broker.SessionConnected, Session: session})
	if err != nil {
		t.Fatal(err)
	}
	got := f.xml(t, "<RequestReconnectSessionData>"+bob+"</RequestReconnectSessionData>")
	wantIn(t, got, `<AppData type="session"><InName>desktop:pool</InName>`, ">p1</HostId>")
	number := regexp.MustCompile(`<SessionId>(\d+)</SessionId>`).FindStringSubmatch(got)
	if number == nil {
		t.Fatalf("no number in %s", got)
	}
	named := "<SessionName><InName>desktop:pool</InName><HostId type=\"ima-host-id\">p1</HostId><SessionId>" + number[1] + "</SessionId></SessionName>"
	wantIn(t, f.xml(t, `<RequestAddress><ServerAddress addresstype="dot-port"/><Name>`+named+"</Name>"+bob+"</RequestAddress>"), "<DisconnectedSession/>", "10.0.0.1:3389")
	f.hosts.calls, f.hosts.answer = nil, func(context.Context, wire.Call) (wire.CallAnswer, error) {
		return wire.CallAnswer{Status: http.StatusNoContent}, nil
	}
	wantIn(t, f.xml(t, "<RequestDisconnectUserSessions>"+bob+"</RequestDisconnectUserSessions>"), "<ResponseDisconnectUserSessions></ResponseDisconnectUserSessions>")
	wantIn(t, f.xml(t, "<RequestLogoffUserSessions>"+bob+"</RequestLogoffUserSessions>"), "<ResponseLogoffUserSessions></ResponseLogoffUserSessions>")
	var paths []string
	for _, c := range f.hosts.calls {
		paths = append(paths, c.Method+" "+c.Path)
	}
	want := fmt.Sprintf("POST /v1/sessions/%[1]s/disconnect, DELETE /v1/sessions/%[1]s", session.ID)
	if got := strings.Join(paths, ", "); got != want {
		t.Errorf("got calls %s, want %s", got, want)
	}
	f.hosts.answer = func(context.Context, wire.Call) (wire.CallAnswer, error) {
		return refuse(http.StatusConflict, wire.CodeBusy)
	}
	wantIn(t, f.xml(t, "<RequestLogoffUserSessions>"+bob+"</RequestLogoffUserSessions>"), "<ErrorId>service-unavailable</ErrorId>")
}

// LHC-22, LHC-42: what is refused before the handlers is said in XML with the status
// of the refusal, and has neither the farm's name nor a ticket tag.
func TestXMLRefusals(t *testing.T) {
	in := storefront.Front{Trusts: func(*http.Request) bool { return false }, OnUse: func() {}}
	refusing := in.InXML(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeNotElected, "the zone is in HA mode and cc1.example serves")
		p.RetryAfter = time.Second
		wire.WriteError(w, p)
	}))
	for _, c := range []struct {
		path, body, want string
		status           int
	}{
		{storefront.XMLPath, "<NFuseProtocol><RequestServerFarmData/></NFuseProtocol>", "<ResponseServerFarmData><ErrorId>service-unavailable</ErrorId>", 503},
		{storefront.XMLPath, "<NFuseProtocol><RequestAddress/></NFuseProtocol>", "cc1.example serves", 503},
		{storefront.STAPath, "<CtxSTAProtocol><RequestTicket/></CtxSTAProtocol>", "<ResponseTicket><ErrorId>service-unavailable</ErrorId>", 503},
		{storefront.XMLPath, "<NFuse", "<ErrorId>service-unavailable</ErrorId>", 503},
		{storefront.XMLPath, strings.Repeat("x", xmlservice.MaxBody+1), "<ErrorId>unspecified</ErrorId>", 413},
	} {
		w := httptest.NewRecorder()
		refusing.ServeHTTP(w, httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || w.Header().Get("Content-Type") != "text/xml" {
			t.Errorf("%.60s: got %d %s, want %d text/xml", c.body, w.Code, w.Header().Get("Content-Type"), c.status)
		}
		wantIn(t, w.Body.String(), c.want)
		wantOut(t, w.Body.String(), "ServerFarmName", "TicketTag", "AuthorityID")
	}
	f := newXMLFront(t, nil)
	w := httptest.NewRecorder()
	f.router.ServeHTTP(w, httptest.NewRequest(http.MethodPost, storefront.XMLPath, strings.NewReader("<NFuse")))
	if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "<ErrorId>unspecified</ErrorId>") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

const staAsk = `<RequestTicket><TicketData><Value name="XData">&lt;x/&gt;</Value><Value name="ICAAddress">10.0.0.1:3389</Value></TicketData></RequestTicket>`

func staTicketOf(t testing.TB, answer string) string {
	t.Helper()
	found := regexp.MustCompile(`<AuthorityID>STA1</AuthorityID><Ticket>([0-9A-F]{32})</Ticket><TicketVersion>40</TicketVersion>`).FindStringSubmatch(answer)
	if found == nil {
		t.Fatalf("no ticket in %s", answer)
	}
	return found[1]
}

// LHC-43: the STA gives a ticket to who has shown who it is, and tells once what it
// stands for, within its lifetime; "refreshable tickets as ours".
func TestSTA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newXMLFront(t, nil)
		known := []string{"Authorization", "Bearer k"}
		redeem := func(ticket string) string {
			return f.sta(t, "<RequestData><Ticket>"+ticket+"</Ticket></RequestData>", known...)
		}
		wantIn(t, f.sta(t, staAsk), "<ErrorId>not-trusted</ErrorId>")
		wantIn(t, f.sta(t, staAsk, wire.HeaderTrusted, "true"), "<ErrorId>not-trusted</ErrorId>")
		once := staTicketOf(t, f.sta(t, staAsk, known...))
		if _, err := f.engine.Peek(time.Now(), once); err == nil {
			t.Error("a ticket of the STA is one of a launch too")
		}
		wantIn(t, redeem(once), `<Value name="ICAAddress">10.0.0.1:3389</Value><Value name="XData">&lt;x/&gt;</Value>`)
		wantIn(t, redeem(once), "<ErrorId>unspecified</ErrorId>")
		old := staTicketOf(t, f.sta(t, staAsk, known...))
		again := staTicketOf(t, f.sta(t, strings.Replace(staAsk, "</RequestTicket>", "<Control><Refreshable>true</Refreshable></Control></RequestTicket>", 1), known...))
		for range 3 {
			time.Sleep(99 * time.Second)
			wantIn(t, redeem(again), "10.0.0.1:3389")
		}
		wantIn(t, redeem(old), "<ErrorId>unspecified</ErrorId>")
		time.Sleep(100 * time.Second)
		wantIn(t, redeem(again), "<ErrorId>unspecified</ErrorId>")
		wantIn(t, f.sta(t, "<RequestOther/>", known...), "<ResponseOther><ErrorId>unspecified</ErrorId>")
	})
}

// Issue 5: the STA is "throttled", and does not keep whatever it is told.
func TestSTAIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newXMLFront(t, func(o *storefront.Options) { o.XML.OpenSTA = true })
		given := 0
		for range 600 {
			if strings.Contains(f.sta(t, staAsk), "AuthorityID") {
				given++
			}
		}
		if given != 500 {
			t.Errorf("got %d tickets at once, want 500", given)
		}
		time.Sleep(time.Second)
		wantIn(t, f.sta(t, staAsk), "AuthorityID")
		wantIn(t, f.sta(t, `<RequestTicket><TicketData><Value name="a">`+strings.Repeat("x", 9<<10)+`</Value></TicketData></RequestTicket>`), "<ErrorId>unspecified</ErrorId>")
	})
}

// A caller cannot say of itself that it is trusted, or where it is.
func TestXMLTrust(t *testing.T) {
	f := newXMLFront(t, nil)
	request := validate(asserted("bob"))
	wantIn(t, f.xml(t, request, wire.HeaderTrusted, "true"), "<ErrorId>not-trusted</ErrorId>")
	wantIn(t, f.xml(t, request, "Authorization", "Bearer k"), "<ResponseValidateCredentials></ResponseValidateCredentials>")
}

// What a stranger's request has besides its body goes no further: something on the way
// to the cloud broker that refuses it for its size would make that look ill.
func TestFrontKeepsWhatCounts(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	var got *http.Request
	in := storefront.Front{Trusts: func(*http.Request) bool { return false }, OnUse: func() {}}
	h := in.InXML(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r }))
	r := httptest.NewRequest(http.MethodPost, storefront.XMLPath+"?dry_run=true&"+long, strings.NewReader("<NFuseProtocol><RequestAppData/></NFuseProtocol>"))
	for _, key := range []string{"Accept", "Content-Type", wire.HeaderIdempotency} {
		r.Header.Set(key, "text/xml; x="+long)
	}
	r.Header.Set(wire.HeaderTrusted, "true")
	r.Header.Set(wire.HeaderSource, "a liar")
	h.ServeHTTP(httptest.NewRecorder(), r)
	if target := got.URL.RequestURI(); target != storefront.XMLPath {
		t.Errorf("target %.80s", target)
	}
	for key, want := range map[string]string{
		"Accept": "", wire.HeaderIdempotency: "", "Content-Type": "text/xml", wire.HeaderTrusted: "", wire.HeaderSource: "192.0.2.1",
	} {
		if v := got.Header.Get(key); v != want {
			t.Errorf("%s: got %.80q, want %q", key, v, want)
		}
	}
}

// Who was not let in is told, and does not fill the log: passwords are throttled, and
// what is refused before one is looked at is told so many times.
func TestRefusalsDoNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := map[bool]int{}
		f := newXMLFront(t, func(o *storefront.Options) {
			o.XML.OnRefused = func(c xmlservice.Claim, _ error) { told[c.HasPassword]++ }
		})
		for range 300 {
			f.xml(t, validate(`<Credentials><ID type="SAM">admin</ID></Credentials>`))
		}
		f.xml(t, validate(wrong))
		<-time.After(2 * time.Second)
		f.xml(t, validate(`<Credentials><ID type="SAM">admin</ID></Credentials>`))
		if told[false] != 101 || told[true] != 1 {
			t.Errorf("told %v, want 101 without a password and 1 with", told)
		}
	})
}

// No key is asked of clients: one that does not read its answer keeps nothing of it here.
func TestUnreadAnswersEnd(t *testing.T) {
	ended := make(chan error, 1)
	in := storefront.Front{Trusts: func(*http.Request) bool { return false }, OnUse: func() {}, Patience: 50 * time.Millisecond}
	s := httptest.NewServer(in.InXML(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(make([]byte, 64<<20))
		ended <- err
	})))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(); s.Close() }()
	const body = "<NFuseProtocol><RequestAppData/></NFuseProtocol>"
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", storefront.XMLPath, len(body), body); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the whole answer was written")
		}
	case <-time.After(10 * time.Second):
		t.Error("the answer still waits to be read")
	}
}
