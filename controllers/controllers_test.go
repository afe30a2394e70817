package controllers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"understudy/controllers"
	"understudy/env"
	"understudy/wire"
	"understudy/xmlservice"
)

// controller is a broker that nobody here wrote: another prologue, other capitals.
type controller struct {
	*httptest.Server
	mu     sync.Mutex // guards the rest
	answer func(body string) (status int, text string)
	asked  []string
	header http.Header
}

func newController(t testing.TB, answer func(string) (int, string)) *controller {
	t.Helper()
	c := &controller{answer: answer}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	c.asked = append(c.asked, r.URL.Path+" "+string(body))
	c.header = r.Header
	answer := c.answer
	c.mu.Unlock()
	status, text := answer(string(body))
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (c *controller) set(answer func(string) (int, string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = answer
}

func (c *controller) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked)
}

func says(text string) func(string) (int, string) {
	return func(string) (int, string) { return http.StatusOK, text }
}

func nfuse(inner string) string {
	return "<?xml version='1.0' encoding='iso-8859-1'?>\n<NFUSEPROTOCOL VERSION='4.7'>" + inner + "</NFUSEPROTOCOL>"
}

func farm(name string) string {
	return nfuse("<RESPONSESERVERFARMDATA><SERVERFARMDATA><SERVERFARMNAME>" + name + "</SERVERFARMNAME></SERVERFARMDATA></RESPONSESERVERFARMDATA>")
}

// wellFor answers health requests; credentials get the given reason.
func wellFor(name, why string) func(string) (int, string) {
	return func(body string) (int, string) {
		if strings.Contains(body, "RequestValidateCredentials") {
			if why != "" {
				why = "<ErrorID>" + why + "</ErrorID>"
			}
			return http.StatusOK, nfuse("<ResponseValidateCredentials>" + why + "</ResponseValidateCredentials>")
		}
		return http.StatusOK, farm(name)
	}
}

func newPool(t testing.TB, change func(*controllers.Options), servers ...*controller) *controllers.Pool {
	t.Helper()
	o := controllers.Options{Env: env.Real(), Farm: "Site1"}
	for _, s := range servers {
		o.Servers = append(o.Servers, s.URL+"/")
	}
	if change != nil {
		change(&o)
	}
	p, err := controllers.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// LHC-42: "an XML request answered with success and the farm identity means UP;
// anything else DOWN", with credentials where there are some.
func TestHealthIsAnAuthenticatedFarmRequest(t *testing.T) {
	monitor := func(o *controllers.Options) { o.User, o.Password, o.Domain = "mon<itor>", "Password1", "EXAMPLE" }
	for name, c := range map[string]struct {
		answer func(string) (int, string)
		change func(*controllers.Options)
		says   string // empty: healthy
	}{
		"names the farm":            {says(farm("SITE1")), nil, ""},
		"and checks credentials":    {wellFor("Site1", ""), monitor, ""},
		"credentials have run out":  {wellFor("Site1", "expired-credentials"), monitor, ""},
		"cannot check credentials":  {wellFor("Site1", "unspecified"), monitor, "cannot check credentials: unspecified"},
		"another farm":              {says(farm("Other")), nil, `of farm "Other" and not of "Site1"`},
		"no farm":                   {says(nfuse("<ResponseServerFarmData/>")), nil, `of farm ""`},
		"an error":                  {says(nfuse("<ResponseServerFarmData><ErrorId>unspecified</ErrorId></ResponseServerFarmData>")), nil, "does not name its farm: unspecified"},
		"out of service":            {says(nfuse("<ResponseServerFarmData><ErrorId>service-unavailable</ErrorId></ResponseServerFarmData>")), nil, "out of service"},
		"a web server without it":   {func(string) (int, string) { return 404, "<html/>" }, nil, "404 Not Found"},
		"a page":                    {says("<html><body>It works!</body></html>"), nil, "its root is <html>"},
		"an STA":                    {says(string(xmlservice.StaFailure(xmlservice.StaTicket, xmlservice.Unspecified))), nil, "another service"},
		"an answer that is cut off": {says(farm("Site1")[:99]), nil, "no XML"},
		"an answer without end":     {says(farm(strings.Repeat("x", xmlservice.MaxAnswer))), nil, "larger than"},
		"a server error":            {func(string) (int, string) { return 500, "" }, nil, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, c.change, newController(t, c.answer))
			h, err := p.Health(t.Context())
			if c.says == "" && (err != nil || h.Site != "Site1") {
				t.Errorf("got %+v, %v", h, err)
			}
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("error %v, want %q", err, c.says)
			}
		})
	}
}

func TestHealthShowsTheCredentials(t *testing.T) {
	server := newController(t, wellFor("Site1", "failed-credentials"))
	var told []string
	p := newPool(t, func(o *controllers.Options) {
		o.User, o.Password, o.Domain = "mon<itor>", "Password1", "EXAMPLE"
		o.OnRefused = func(reason string) { told = append(told, reason) }
	}, server)
	for range 2 {
		if _, err := p.Health(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	sent := server.asked[1]
	asked, err := xmlservice.Parse([]byte(strings.TrimPrefix(sent, "/scripts/wpnbr.dll ")))
	if err != nil || asked.Kind != xmlservice.ValidateCredentials || asked.Credentials.String() == "" {
		t.Errorf("sent %s (%v)", sent, err)
	}
	if !strings.Contains(sent, "mon&lt;itor&gt;") || strings.Contains(sent, "Password1") {
		t.Errorf("sent %s", sent)
	}
	if len(told) != 1 || !strings.Contains(told[0], "failed-credentials") || strings.Contains(told[0], "Password1") {
		t.Errorf("told %q, want it once, without the password", told)
	}
}

const launch = `<NFuseProtocol version="4.2"><RequestAddress><Name><AppName>pool-a</AppName></Name></RequestAddress></NFuseProtocol>`

func address(at string) string {
	return nfuse("<ResponseAddress><ServerAddress addresstype='dot-port'>" + at + "</ServerAddress></ResponseAddress>")
}

func forward(t testing.TB, p *controllers.Pool, path, body string) string {
	t.Helper()
	resp, err := p.Forward(t.Context(), http.MethodPost, path, http.Header{"Understudy-Term": {"7"}, "Content-Type": {"text/xml; charset=utf-8"}}, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return string(text)
}

// refusedBy is the error of a request that nobody answers.
func refusedBy(t testing.TB, p *controllers.Pool, method, path string) error {
	t.Helper()
	resp, err := p.Forward(t.Context(), method, path, nil, []byte(launch))
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("%s %s was answered", method, path)
	}
	return err
}

// The first controller that answers has the request, byte for byte; one that fails comes
// last until it has answered again or its time is over.
func TestFailover(t *testing.T) {
	first, second := newController(t, says(address("10.0.0.1:1494"))), newController(t, says(address("10.0.0.2:1494")))
	var told []string
	p := newPool(t, func(o *controllers.Options) {
		o.Bypass = time.Hour
		o.OnServer = func(url, reason string) { told = append(told, url+" "+reason) }
	}, first, second)
	if got := forward(t, p, "/Scripts/WPnBr.dll", launch); got != address("10.0.0.1:1494") {
		t.Errorf("got %s", got)
	}
	if first.asked[0] != "/scripts/wpnbr.dll "+launch || first.header.Get("Understudy-Term") != "" || first.header.Get("Content-Type") != "text/xml; charset=utf-8" {
		t.Errorf("asked %q with %v", first.asked[0], first.header)
	}
	for _, bad := range []func(string) (int, string){
		func(string) (int, string) { return 503, "" },
		says("<html/>"),
		says(nfuse("<ResponseAddress><ErrorId>service-unavailable</ErrorId></ResponseAddress>")),
	} {
		fresh := newPool(t, nil, first, second)
		first.set(bad)
		if got := forward(t, fresh, "/scripts/wpnbr.dll", launch); got != address("10.0.0.2:1494") {
			t.Errorf("got %s", got)
		}
	}
	first.Close()
	before := second.count()
	for range 3 {
		if got := forward(t, p, "/scripts/wpnbr.dll", launch); got != address("10.0.0.2:1494") {
			t.Errorf("got %s", got)
		}
	}
	if got := second.count() - before; got != 3 {
		t.Errorf("the second was asked %d times, want 3", got)
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], first.URL) || !strings.HasPrefix(told[1], second.URL) || !strings.Contains(told[1], first.URL+": ") {
		t.Errorf("told %q", told)
	}
}

// A refusal is the controller's answer: no other one is asked.
func TestRefusalIsAnAnswer(t *testing.T) {
	refused := nfuse("<ResponseAddress><ErrorId>failed-credentials</ErrorId></ResponseAddress>")
	first, second := newController(t, says(refused)), newController(t, says(address("10.0.0.2:1494")))
	if got := forward(t, newPool(t, nil, first, second), "/scripts/wpnbr.dll", launch); got != refused || second.count() != 0 {
		t.Errorf("got %s, and the second was asked %d times", got, second.count())
	}
}

// A controller that hangs leaves the next one its share of the time.
func TestHangingControllerLeavesTime(t *testing.T) {
	release := make(chan struct{})
	hanging := newController(t, func(string) (int, string) { <-release; return 200, "" })
	defer close(release)
	p := newPool(t, nil, hanging, newController(t, says(address("10.0.0.2:1494"))))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	resp, err := p.Forward(ctx, http.MethodPost, "/scripts/wpnbr.dll", nil, []byte(launch))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

func TestNobodyAnswers(t *testing.T) {
	first, second := newController(t, says("<html/>")), newController(t, says(""))
	second.Close()
	p := newPool(t, nil, first, second)
	err := refusedBy(t, p, http.MethodPost, "/scripts/wpnbr.dll")
	if !strings.Contains(err.Error(), first.URL) || !strings.Contains(err.Error(), second.URL) {
		t.Errorf("error %v, want one that names both", err)
	}
	if _, err := p.Health(t.Context()); err == nil {
		t.Error("healthy")
	}
}

// LHC-30: only the STA that issued a ticket knows it: each is asked, and the first
// failure stands where none does.
func TestTicketIsRedeemedWhereItWasIssued(t *testing.T) {
	const redeem = `<CtxSTAProtocol version="4.0"><RequestData><Ticket>T2</Ticket></RequestData></CtxSTAProtocol>`
	knows := func(ticket string) func(string) (int, string) {
		return func(body string) (int, string) {
			if strings.Contains(body, ticket) {
				return 200, "<CtxSTAProtocol><ResponseData><TicketData><Value name='ICAAddress'>10.0.0.9:1494</Value></TicketData></ResponseData></CtxSTAProtocol>"
			}
			return 200, fmt.Sprintf("<CtxSTAProtocol><ResponseData><ErrorId>unspecified</ErrorId><By>%s</By></ResponseData></CtxSTAProtocol>", ticket)
		}
	}
	p := newPool(t, nil, newController(t, knows("T1")), newController(t, knows("T2")))
	if got := forward(t, p, "/scripts/CtxSta.dll", redeem); !strings.Contains(got, "10.0.0.9") {
		t.Errorf("got %s", got)
	}
	if got := forward(t, p, "/scripts/ctxsta.dll", strings.ReplaceAll(redeem, "T2", "T3")); !strings.Contains(got, "<By>T1</By>") {
		t.Errorf("got %s", got)
	}
}

func TestOnlyXMLIsForwarded(t *testing.T) {
	server := newController(t, says(farm("Site1")))
	p := newPool(t, nil, server)
	for _, c := range [][2]string{{"POST", "/storefront/v1/sessions"}, {"GET", "/scripts/wpnbr.dll"}, {"POST", "/scripts/other.dll"}} {
		if err := refusedBy(t, p, c[0], c[1]); !errors.Is(err, controllers.ErrNotXML) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if server.count() != 0 {
		t.Error("it was forwarded")
	}
}

func TestOptionsNameTheBadField(t *testing.T) {
	good := controllers.Options{Env: env.Real(), Farm: "f", Servers: []string{"http://ddc1"}}
	for says, change := range map[string]func(*controllers.Options){
		"Servers names none": func(o *controllers.Options) { o.Servers = nil },
		"is not an http":     func(o *controllers.Options) { o.Servers = []string{"ddc1"} },
		"Farm is missing":    func(o *controllers.Options) { o.Farm = "" },
		"without User":       func(o *controllers.Options) { o.Password = "x" },
		"is negative":        func(o *controllers.Options) { o.Bypass = -1 },
		"env":                func(o *controllers.Options) { o.Env = env.Env{} },
	} {
		o := good
		change(&o)
		if _, err := controllers.New(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", says, err)
		}
	}
}

// Issue 5, 3: "an identity they assert; only from authenticated callers". Controllers
// may believe whoever comes from a connector, so it does not speak for strangers.
func TestStrangersAssertNobody(t *testing.T) {
	c := newController(t, says(nfuse("<ResponseAppData/>")))
	p := newPool(t, nil, c)
	asserted := nfuse(`<RequestAppData><Credentials><ID TYPE="SAM">EXAMPLE\admin</ID></Credentials></RequestAppData>`)
	for _, trusted := range []string{"", "false", "true"} {
		h := http.Header{wire.HeaderTrusted: {trusted}}
		resp, err := p.Forward(t.Context(), http.MethodPost, "/scripts/wpnbr.dll", h, []byte(asserted))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if refused := strings.Contains(string(body), "<ErrorId>not-trusted</ErrorId>"); refused == (trusted == "true") || (c.count() == 1) != (trusted == "true") {
			t.Errorf("trusted %q: got %s, asked %d times", trusted, body, c.count())
		}
	}
}
