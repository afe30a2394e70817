package relay_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/relay"
	"understudy/wire"
	"understudy/xmlservice"
)

const (
	xmlPath = "/scripts/wpnbr.dll"
	staPath = "/scripts/ctxsta.dll"
)

func nfuse(request string) string { return "<NFuseProtocol>" + request + "</NFuseProtocol>" }

// LHC-04, LHC-43: requests in XML are relayed with who called; an answer that tells of
// an error is an answer, and what is no XML is trouble of its own kind.
func TestRelayedXML(t *testing.T) {
	const credentials = "<Credentials><UserName>alice</UserName><Password>x</Password></Credentials>"
	for name, c := range map[string]struct {
		kind          relay.Kind
		path, request string
		typ, answer   string
		status        int
		trouble       relay.Kind
	}{
		"farm":              {relay.XML, xmlPath, nfuse("<RequestServerFarmData/>"), "text/xml", string(xmlservice.FarmAnswer("acme")), 200, ""},
		"an error":          {relay.XML, xmlPath, nfuse("<RequestAppData/>"), "text/xml", string(xmlservice.Failure(xmlservice.AppData, xmlservice.ServiceUnavailable)), 200, ""},
		"a refusal in JSON": {relay.XML, xmlPath, nfuse("<RequestTicket/>"), "application/problem+json", refusal, 404, ""},
		"STA":               {relay.STA, staPath, "<CtxSTAProtocol><RequestTicket/></CtxSTAProtocol>", "text/xml", string(xmlservice.StaTicketAnswer("STA1", "00")), 200, ""},
		"another root":      {relay.STA, staPath, "<CtxSTAProtocol><RequestTicket/></CtxSTAProtocol>", "text/xml", string(xmlservice.FarmAnswer("acme")), 200, relay.STA},
		"JSON":              {relay.XML, xmlPath, nfuse("<RequestServerFarmData/>"), "application/json", "{}", 200, relay.XML},
		"HTML":              {relay.XML, xmlPath, nfuse("<RequestAppData>" + credentials + "</RequestAppData>"), "text/html", "<html></html>", 200, relay.XMLResources},
		"half an answer":    {relay.XML, xmlPath, nfuse("<RequestAddress>" + credentials + "</RequestAddress>"), "text/xml", "<NFuseProtocol><ResponseAddress>", 200, relay.XMLLaunch},
		"500":               {relay.XML, xmlPath, nfuse("<RequestAppData/>"), "text/xml", "", 500, relay.XMLResources},
		"a monitor":         {relay.XML, xmlPath, nfuse("<RequestAddress><Flags>no-load-bias</Flags></RequestAddress>"), "text/xml", "", 500, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.cloud.forward = always(c.status, c.typ, c.answer)
			in := httptest.NewRequest(http.MethodPost, c.path, strings.NewReader(c.request))
			in.Header.Set(wire.HeaderSource, "192.0.2.1")
			in.Header.Set(wire.HeaderTrusted, "true")
			w := httptest.NewRecorder()
			s.Handler(c.kind).ServeHTTP(w, in)
			if got := s.cloud.last(); got.target != c.path || got.body != c.request || got.header.Get(wire.HeaderSource) != "192.0.2.1" || got.header.Get(wire.HeaderTrusted) != "true" {
				t.Errorf("%s: relayed %+v", name, got)
			}
			var trouble relay.Kind
			if all := s.troubles(); len(all) > 0 {
				trouble = all[0]
			}
			if trouble != c.trouble {
				t.Errorf("%s: got trouble %q, want %q", name, trouble, c.trouble)
			}
			if c.trouble == "" && c.status/100 != 5 && (w.Code != c.status || w.Body.String() != c.answer) {
				t.Errorf("%s: got %d %s", name, w.Code, w.Body)
			}
		})
	}
}

// LHC-11: after trouble the check asks for much the same without effect, and never
// with the user's password.
func TestXMLProbes(t *testing.T) {
	const credentials = "<Credentials><UserName>alice</UserName><Password>hidden</Password></Credentials>"
	for _, c := range []struct {
		kind                relay.Kind
		path, request, want string
	}{
		{relay.XML, xmlPath, nfuse("<RequestAppData>" + credentials + "</RequestAppData>"), "<RequestAppData>"},
		{relay.XML, xmlPath, nfuse("<RequestAddress><Name><AppName>pool</AppName></Name>" + credentials + "</RequestAddress>"), "<Flags>no-load-bias</Flags><Name><AppName>pool</AppName>"},
		{relay.XML, xmlPath, nfuse("<RequestTicket>" + credentials + "</RequestTicket>"), "<RequestServerFarmData>"},
		{relay.STA, staPath, "<CtxSTAProtocol><RequestTicket/></CtxSTAProtocol>", "<RequestData>"},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.cloud.forward = always(500, "text/plain", "")
			s.askTrusted(c.kind, c.path, c.request)
			s.run(t, func() {
				time.Sleep(time.Second)
				got := s.cloud.last()
				if got.target != c.path || !strings.Contains(got.body, c.want) || strings.Contains(got.body, "hidden") {
					t.Errorf("probed %s %s, want %s", got.target, got.body, c.want)
				}
				if s.Health().Healthy {
					t.Errorf("%s: healthy although the probe failed", c.request)
				}
				answer := xmlservice.Failure(xmlservice.AppData, xmlservice.FailedCredentials)
				if c.kind == relay.STA {
					answer = xmlservice.StaFailure(xmlservice.StaData, xmlservice.Unspecified)
				}
				s.cloud.set(func(cl *cloud) { cl.forward = always(200, "text/xml", string(answer)) })
				time.Sleep(5 * time.Second)
				if h := s.Health(); !h.Healthy {
					t.Errorf("%s: unhealthy although the probe was answered: %+v", c.request, h)
				}
			})
		})
	}
}

func (s *stage) askTrusted(kind relay.Kind, path, body string) {
	in := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	in.Header.Set(wire.HeaderTrusted, "true")
	s.Handler(kind).ServeHTTP(httptest.NewRecorder(), in)
}

// LHC-12: an outage begins when the health check says so, and not when strangers, of
// whom no key is asked, send whatever a cloud broker fails at: of theirs nothing counts
// but whether a probe of the kind is answered, and they do not choose what that asks for;
// nor do they end one.
func TestStrangersBeginNoOutage(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.cloud.forward = func(ctx context.Context, target string) (reply, error) {
				if body := s.cloud.last().body; strings.Contains(body, "crash") || strings.Contains(body, "<UserName>") {
					return always(500, "text/plain", "")(ctx, target)
				}
				return always(200, "text/xml", string(xmlservice.Failure(xmlservice.Address, xmlservice.Unspecified)))(ctx, target)
			}
			ask := func(body string) { s.ask(relay.XML, http.MethodPost, xmlPath, body) }
			if trusted {
				ask = func(body string) { s.askTrusted(relay.XML, xmlPath, body) }
			}
			for i := range 60 {
				who := fmt.Sprintf("<Credentials><UserName>user%d</UserName><Password>x</Password></Credentials>", i%5)
				ask(nfuse("<RequestAddress><Name><AppName>crash</AppName></Name>" + who + "</RequestAddress>"))
				ask(nfuse("<RequestAppData>" + who + "</RequestAppData>"))
				ask(nfuse("<RequestWhatever>" + who + "</RequestWhatever>"))
			}
			s.ask(relay.XML, http.MethodPost, xmlPath, nfuse("<RequestAppData/>"))
			s.ask(relay.XML, http.MethodPost, xmlPath, nfuse("<RequestAddress/>"))
			s.ask(relay.XML, http.MethodPost, xmlPath, nfuse("<RequestServerFarmData/>"))
			s.run(t, func() {
				time.Sleep(time.Second)
				if h := s.Health(); h.Healthy == trusted {
					t.Errorf("trusted %t: %+v", trusted, h)
				}
			})
		})
	}
}

// What cannot be read is refused here: what others make of it says nothing of them.
func TestUnreadableXMLIsNotRelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.cloud.forward = always(500, "text/plain", "")
		for kind, body := range map[relay.Kind]string{relay.XML: "<NFuse", relay.STA: "<CtxSTAProtocol/>"} {
			if w := s.ask(kind, http.MethodPost, xmlPath, body); w.Code != http.StatusBadRequest || len(s.troubles()) > 0 {
				t.Errorf("%s: got %d %s, trouble %v", kind, w.Code, w.Body, s.troubles())
			}
		}
		password := `<Credentials><UserName>a</UserName><Password encoding="rsa56">x</Password></Credentials>`
		if s.ask(relay.XML, http.MethodPost, xmlPath, nfuse("<RequestTicket>"+password+"</RequestTicket>")); s.cloud.count() != 1 {
			t.Error("a password that only others can read is not relayed")
		}
	})
}

// LHC-11: the list of a large site is an answer and no trouble.
func TestLongListsAreAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		apps := make([]xmlservice.App, 5000)
		for i := range apps {
			apps[i] = xmlservice.App{Name: fmt.Sprintf("app:Application %d", i), Title: fmt.Sprintf("Application %d", i), Farm: "acme"}
		}
		list := string(xmlservice.AppsAnswer(xmlservice.Scope{}, apps, xmlservice.Shown{Settings: true}))
		s.cloud.forward = always(200, "text/xml", list)
		if w := s.ask(relay.XML, http.MethodPost, xmlPath, nfuse("<RequestAppData/>")); w.Code != 200 || w.Body.String() != list || len(s.troubles()) > 0 {
			t.Errorf("a list of %d bytes: got %d, trouble %v", len(list), w.Code, s.troubles())
		}
	})
}
