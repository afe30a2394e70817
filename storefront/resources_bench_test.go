package storefront_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"understudy/broker"
	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
)

// crowd has the enumerations of many users, to be sent again and again.
type crowd struct {
	fronts *storefront.Handlers
	bodies [][]byte
	next   int
	body   bytes.Reader
	r      *http.Request
	w      nowhere
}

// nowhere takes answers and keeps nothing of them.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(status int)      { w.status = status }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }

func newCrowd(t testing.TB, users int) *crowd {
	t.Helper()
	all := &site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}},
		Groups: []site.DeliveryGroup{{Name: "shared", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Shared"}},
	}
	const applications = 50
	for i := range applications {
		all.Applications = append(all.Applications, site.Application{Name: fmt.Sprintf("app%02d", i), Groups: []string{"shared"}, Command: "app"})
	}
	c := &crowd{r: &http.Request{Method: http.MethodPost, URL: &url.URL{}}, w: nowhere{header: http.Header{}}}
	for i := range users {
		u := site.User{Name: fmt.Sprintf("user%05d", i), Groups: []string{"staff"}}
		all.Users = append(all.Users, u)
		all.Entitlements = append(all.Entitlements, site.Entitlement{User: u.Name, Desktop: "shared"})
		for n := range 5 {
			all.Entitlements = append(all.Entitlements, site.Entitlement{User: u.Name, Application: fmt.Sprintf("app%02d", (i+n*7)%applications)})
		}
		body, err := json.Marshal(wire.ResourcesRequest{User: u.Name})
		if err != nil {
			t.Fatal(err)
		}
		c.bodies = append(c.bodies, body)
	}
	fronts, err := storefront.New(storefront.Options{
		Engine: broker.New(broker.Options{Broker: "cc01.example.test", Zone: "east", HA: true}, site.NewIndex(all)),
		Caller: &hosts{}, Recorder: &disk{}, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	c.fronts = fronts
	return c
}

// enumerate sends the next of them.
func (c *crowd) enumerate(t testing.TB) {
	t.Helper()
	text := c.bodies[c.next%len(c.bodies)]
	c.next++
	c.body.Reset(text)
	c.r.Body, c.r.ContentLength = io.NopCloser(&c.body), int64(len(text))
	clear(c.w.header)
	c.fronts.Resources(&c.w, c.r)
	if c.w.status != http.StatusOK {
		t.Fatalf("status %d", c.w.status)
	}
}

func BenchmarkResources(b *testing.B) {
	c := newCrowd(b, 20_000)
	b.ReportAllocs()
	for b.Loop() {
		c.enumerate(b)
	}
}

// Issue 4: "enumeration … over HTTP ≥ 0.85× a bare net/http handler with a fixed body of
// that size": half of what an enumeration takes apart from that is allocation.
func TestEnumerationAllocatesLittle(t *testing.T) {
	c := newCrowd(t, 100)
	for range 100 {
		c.enumerate(t) // what is written once for each version of the site
	}
	if got := testing.AllocsPerRun(1000, func() { c.enumerate(t) }); got > 4 { // 2, where no race detector empties pools
		t.Errorf("an enumeration allocates %g times, want at most 4", got)
	}
}

// An enumeration is made where the one before it was.
func TestNextEnumerationHasNothingOfTheOneBefore(t *testing.T) {
	f := newFront(t)
	f.engine.SetIndex(site.NewIndex(&site.Site{
		Zones: []site.Zone{{Name: "east"}},
		Groups: []site.DeliveryGroup{
			{Name: "pool", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "Pool"},
			{Name: "more", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "More"},
		},
		Users:        []site.User{{Name: "alice"}, {Name: "bob"}},
		Entitlements: []site.Entitlement{{User: "bob", Desktop: "pool"}, {UserGroup: "staff", Desktop: "more"}},
	}))
	for range 20 {
		for _, c := range []struct {
			body string
			want []string
		}{
			{`{"user":"bob","groups":["staff"]}`, []string{"More", "Pool"}},
			{`{"user":"bob"}`, []string{"Pool"}},
			{`{"user":"bob","groups":["staff"]}`, []string{"More", "Pool"}},
			{`{"user":"b\u006fb"}`, []string{"Pool"}}, // not read as plain words are
			{`{"user":"alice","groups":["staff"]}`, []string{"More"}},
			{`{"groups":["staff"]}`, nil}, // refused: it names nobody
			{`{"user":"alice"}`, nil},
		} {
			var got []string
			if w := f.post("resources", c.body); w.Code == http.StatusOK {
				for _, r := range read[wire.ResourcesAnswer](t, w, http.StatusOK).Resources {
					got = append(got, r.Name)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Fatalf("%s: got %v, want %v", c.body, got, c.want)
			}
		}
	}
}
