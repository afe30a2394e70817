package storefront_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/launchfile"
	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
)

// formats is the API over a site whose groups say how launches are answered.
func formats(t *testing.T, files launchfile.Maker, launch site.Launch) *front {
	t.Helper()
	s := &site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}},
		Groups: []site.DeliveryGroup{
			{Name: "pool", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "Pool & more", Launch: launch},
		},
		Machines:     []site.Machine{{Name: "p1", Group: "pool", Zone: "east"}, {Name: "p2", Group: "pool", Zone: "east"}},
		Applications: []site.Application{{Name: "mail", Groups: []string{"pool"}, Command: "mail -x"}},
		Entitlements: []site.Entitlement{{User: "bob", Desktop: "pool"}, {User: "bob", Application: "mail"}},
	}
	f := &front{
		engine: broker.New(broker.Options{Broker: "cc01", Zone: "east", HA: true}, site.NewIndex(s)),
		hosts:  &hosts{answer: agree}, disk: &disk{}, router: chi.NewRouter(),
	}
	f.register(t, "p1", "p2")
	h, err := storefront.New(storefront.Options{
		Engine: f.engine, Caller: f.hosts, Recorder: f.disk, Rand: rand.Reader, Files: files,
		Now: func() time.Time { return time.UnixMilli(1893456000000) },
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Routes(f.router)
	return f
}

func key16(t *testing.T) *launchfile.Key {
	t.Helper()
	key, err := launchfile.ParseKey("4c0b569e4c96df157eee1b65dd0e4d41")
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Issue 5, 4: "application/json, application/x-rdp …, and a Guacamole encrypted-JSON
// token; chosen by Accept and by the group's settings."
func TestFormIsChosenByAcceptAndGroup(t *testing.T) {
	for _, c := range []struct {
		name, accept string
		key          bool
		launch       site.Launch
		want         string // empty: 406
	}{
		{"nothing said", "", true, site.Launch{}, launchfile.TypeJSON},
		{"anything", "*/*", true, site.Launch{}, launchfile.TypeJSON},
		{"rdp", launchfile.TypeRDP, false, site.Launch{}, launchfile.TypeRDP},
		{"token", launchfile.TypeGuacamole, true, site.Launch{}, launchfile.TypeGuacamole},
		{"token without a key", launchfile.TypeGuacamole, false, site.Launch{}, ""},
		{"token or anything, without a key", launchfile.TypeGuacamole + ", */*;q=0.1", false, site.Launch{}, launchfile.TypeJSON},
		{"the group prefers rdp", "*/*", true, site.Launch{Formats: []site.LaunchFormat{"rdp", "json"}}, launchfile.TypeRDP},
		{"the group has no rdp", launchfile.TypeRDP, true, site.Launch{Formats: []site.LaunchFormat{"json"}}, ""},
		{"the group has tokens only", "", true, site.Launch{Formats: []site.LaunchFormat{"guacamole"}}, launchfile.TypeGuacamole},
		{"the group has tokens only, and the broker no key", "", false, site.Launch{Formats: []site.LaunchFormat{"guacamole"}}, ""},
		{"a page", "text/html", true, site.Launch{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var files launchfile.Maker
			if c.key {
				files.Key = key16(t)
			}
			f := formats(t, files, c.launch)
			w := f.post("sessions", bobsPool, "Accept", c.accept)
			if c.want == "" {
				wantProblem(t, w, http.StatusNotAcceptable, wire.CodeNotAcceptable)
				keyless := strings.Contains(w.Body.String(), "guacamole_key_file")
				if allowed := c.launch.Formats == nil || slices.Contains(c.launch.Formats, site.LaunchGuacamole); keyless != (allowed && !c.key) {
					t.Errorf("the reason is %s", w.Body)
				}
				if f.hosts.log() != "" || len(f.disk.records) > 0 {
					t.Errorf("a desktop was asked: %s", f.hosts.log())
				}
				wantProblem(t, f.post("sessions?dry_run=true", bobsPool, "Accept", c.accept), http.StatusNotAcceptable, wire.CodeNotAcceptable)
				return
			}
			if got := w.Header().Get("Content-Type"); w.Code != http.StatusCreated || got != c.want || w.Header().Get("Vary") != "Accept" {
				t.Errorf("answered %d %s, want %s: %s", w.Code, got, c.want, w.Body)
			}
			if known, fault := launchfile.Judge(c.want, w.Body.Bytes()); known && fault != nil {
				t.Error(fault)
			}
		})
	}
}

// The file names what the machine said, and the application's command.
func TestLaunchAsFile(t *testing.T) {
	f := formats(t, launchfile.Maker{}, site.Launch{RDP: []string{"audiomode:i:2"}})
	w := f.post("sessions", `{"user":"bob","resource":"app:mail"}`, "Accept", launchfile.TypeRDP)
	for _, line := range []string{"full address:s:10.0.0.1:3389", "username:s:bob", "alternate shell:s:mail -x", "audiomode:i:2"} {
		if !strings.Contains(w.Body.String(), line+"\r\n") {
			t.Errorf("no line %q in\n%s", line, w.Body)
		}
	}
	if got := w.Header().Get("Content-Disposition"); got != `attachment; filename="mail.rdp"` {
		t.Errorf("Content-Disposition %s", got)
	}
}

// A repetition with the same key is the same launch, in whatever form it asks for: a
// client that gets a 406 for the desktop's protocol can go on with JSON.
func TestSameKeyOtherForm(t *testing.T) {
	f := formats(t, launchfile.Maker{}, site.Launch{})
	f.hosts.answer = func(_ context.Context, c wire.Call) (wire.CallAnswer, error) {
		b, err := json.Marshal(wire.Prepared{Address: "10.0.0.1", Port: 5900, Protocol: "vnc"})
		return wire.CallAnswer{ID: c.ID, Status: http.StatusCreated, Body: b}, err
	}
	wantProblem(t, f.post("sessions", bobsPool, key, "k", "Accept", launchfile.TypeRDP), http.StatusNotAcceptable, wire.CodeNotAcceptable)
	if got := read[wire.LaunchAnswer](t, f.post("sessions", bobsPool, key, "k"), 201); got.Protocol != "vnc" {
		t.Errorf("answer %+v", got)
	}
	if got := f.hosts.log(); got != "p1 POST sessions" {
		t.Errorf("calls %q, want one", got)
	}
}

// A desktop that gives an address with a line of its own has not agreed: the line gets
// into no file, and the launch is no trouble of the broker's.
func TestNoLineGetsIntoAFile(t *testing.T) {
	f := formats(t, launchfile.Maker{}, site.Launch{})
	f.hosts.answer = func(_ context.Context, c wire.Call) (wire.CallAnswer, error) {
		b, err := json.Marshal(wire.Prepared{Address: "10.0.0.1\r\nalternate shell:s:evil", Port: 3389, Protocol: "rdp"})
		return wire.CallAnswer{ID: c.ID, Status: http.StatusCreated, Body: b}, err
	}
	wantProblem(t, f.post("sessions", bobsPool, "Accept", launchfile.TypeRDP), http.StatusServiceUnavailable, wire.CodeNoMachine)
}
