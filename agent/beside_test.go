package agent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"understudy/storefront"
	"understudy/wire"
	"understudy/xmlservice"
)

// controllersFake are controllers that say what they were asked.
type controllersFake struct{ asked []string }

func (*controllersFake) Close() {}

func (*controllersFake) Health(context.Context) (wire.CloudHealth, error) {
	return wire.CloudHealth{}, nil
}

func (c *controllersFake) Forward(_ context.Context, _, target string, _ http.Header, _ []byte) (*http.Response, error) {
	c.asked = append(c.asked, target)
	return nil, errors.New("controllers")
}

// LHC-43: what a connector does with requests in Normal beside controllers: those in XML
// are the controllers', our desktops wait here, and the rest is refused as an answer of
// the protocol, which is no trouble.
func TestWhoAnswersBesideControllers(t *testing.T) {
	up := &controllersFake{}
	b := &beside{Upstream: up, room: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+r.Header.Get(wire.HeaderTerm)+" "+string(body))
	})}
	for _, path := range []string{"/scripts/wpnbr.dll", "/Scripts/CtxSTA.dll"} {
		if status, text := sent(t, b, http.MethodPost, path, ""); status != 0 {
			t.Errorf("%s was answered by us: %s", path, text)
		}
	}
	if len(up.asked) != 2 {
		t.Errorf("the controllers were asked %v", up.asked)
	}
	if status, text := sent(t, b, http.MethodPut, "/vda/v1/registrations/l1?x=y", "{}"); status != http.StatusCreated || text != "PUT /vda/v1/registrations/l1 7 {}" {
		t.Errorf("got %d %s", status, text)
	}
	for _, path := range []string{"/storefront/v1/resources", "/storefront/v1/sessions", "/storefront/v1/tickets/redeem"} {
		if status, text := sent(t, b, http.MethodPost, path, "{}"); status != http.StatusConflict || !strings.Contains(text, wire.CodeXMLOnly) {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if _, err := b.Calls(t.Context()); err == nil {
		t.Error("a call stream was opened")
	}
}

// sent is an answer; its status is 0 where there is none.
func sent(t testing.TB, b *beside, method, target, body string) (int, string) {
	t.Helper()
	resp, err := b.Forward(t.Context(), method, target, http.Header{wire.HeaderTerm: {"7"}}, []byte(body))
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// NEW-04, beside controllers: nobody takes the records of outages, so the newest stay,
// and the journal is never full of old ones.
func TestRecordsStayBesideControllers(t *testing.T) {
	d := newDesk(400)
	d.keepOnly()
	d.round(t.Context())
	if len(d.got) != 0 || len(d.paper.records) != 400 {
		t.Fatalf("%d were handed back, %d are kept", len(d.got), len(d.paper.records))
	}
	for _, more := range []int{200, 300} {
		d.paper.write(more)
		d.round(t.Context())
		if n := len(d.paper.records); n != 500 || d.paper.records[n-1].Sequence != d.paper.last || len(d.got) != 0 {
			t.Errorf("%d are kept, want the newest 500", n)
		}
	}
}

func TestOptionsOfUpstream(t *testing.T) {
	o := Options{Upstream: &controllersFake{}}
	if err := o.validate(); err == nil || !strings.Contains(err.Error(), "Source, without which") || strings.Contains(err.Error(), "Cloud.URL") {
		t.Errorf("error %v", err)
	}
}

// LHC-50: "what an outage would miss": beside controllers, users whom nobody would know.
func TestMissingUsers(t *testing.T) {
	for name, c := range map[string]struct {
		x    storefront.XML
		says bool
	}{
		"no credentials": {storefront.XML{}, true},
		"credentials":    {storefront.XML{Users: knowsAll{}}, false},
		"no XML Service": {storefront.XML{Off: true}, false},
	} {
		if said := missingUsers(c.x); (len(said) > 0) != c.says {
			t.Errorf("%s: got %q", name, said)
		}
	}
}

type knowsAll struct{}

func (knowsAll) Check(context.Context, xmlservice.Claim) (xmlservice.User, error) {
	return xmlservice.User{}, nil
}
