//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"understudy/wire"
	"understudy/zone"
)

// published is the version and digest that the cloud broker has.
func (s *stand) published(t testing.TB) string {
	t.Helper()
	a, err := ask(t, http.DefaultClient, "GET", s.siteURL(), "", "Authorization", "Bearer administrator-0001-example")
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("get the site: %d %s (%v)", a.Status, a.Body, err)
	}
	var p struct{ Version, Digest json.RawMessage }
	if err := json.Unmarshal([]byte(a.Body), &p); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("version %s %s", p.Version, p.Digest)
}

func (s *stand) siteURL() string { return s.cloud.url(7443) + "/cloud/v1/sites/example" }

// testPutBadSite: the cloud broker trusts no client to have validated.
func (s *stand) testPutBadSite(t *testing.T) {
	const admin, connector = "Bearer administrator-0001-example", "Bearer connectors-of-berlin-0001"
	const noConnector = `{"name":"example","zones":[{"name":"berlin"}],"connectors":[],"groups":[{"name":"pool","kind":"pooled","zones":[]}],"machines":[],"users":[],"entitlements":[{"user":"x","desktop":"y"}]}`
	cases := []struct {
		name, token, body string
		status            int
		code              string
		faults            []string
	}{
		{"invalid", admin, noConnector, 422, wire.CodeInvalidSite, []string{"connectors", "groups[0].zones", "entitlements[0].desktop", "entitlements[0].user"}},
		{"another site", admin, strings.Replace(noConnector, "example", "other", 1), 422, wire.CodeInvalidSite, nil},
		{"unknown field", admin, `{"name":"example","maschines":[]}`, 400, wire.CodeBadRequest, nil},
		{"wrong type", admin, `{"name":["example"]}`, 400, wire.CodeBadRequest, nil},
		{"no JSON", admin, "name: example\n", 400, wire.CodeBadRequest, nil},
		{"two values", admin, noConnector + noConnector, 400, wire.CodeBadRequest, nil},
		{"empty", admin, "", 400, wire.CodeBadRequest, nil},
		{"no token", "", noConnector, 401, wire.CodeUnauthorized, nil},
		{"a connector's token", connector, noConnector, 403, wire.CodeForbidden, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := ask(t, http.DefaultClient, "PUT", s.siteURL(), c.body, "Authorization", c.token)
			wantProblem(t, a, err, c.status, c.code)
			paths := map[string]bool{}
			for _, f := range a.Problem.Faults {
				paths[f.Path] = true
			}
			for _, want := range c.faults {
				if !paths[want] {
					t.Errorf("got faults %v, want one at %s", a.Problem.Faults, want)
				}
			}
		})
	}
}

// wantProblem: every error is a problem document with our code.
func wantProblem(t testing.TB, a answered, err error, status int, code string) {
	t.Helper()
	if err != nil || a.Status != status || a.Problem.Code != code || a.Problem.Status != status {
		t.Errorf("got %d %s (%v), want %d with code %s", a.Status, a.Body, err, status, code)
	}
	if typ := a.Header.Get("Content-Type"); typ != "application/problem+json" {
		t.Errorf("got type %q, want application/problem+json", typ)
	}
}

// badBody is a request that a connector must refuse in the same way whether it
// relays or brokers.
type badBody struct {
	name, method, path, body string
	status                   int
	code                     string
}

const frontPath, vdaPath = "/storefront/v1/", "/vda/v1/registrations"

func badBodies() []badBody {
	big, bigVDA := strings.Repeat("x", wire.MaxBody+1), strings.Repeat("x", wire.MaxRegistration+1)
	registration := func(s string) string {
		return `{"machine":"ws001.example.test","zone":"berlin","protocol":"1.0","callback":"http://127.0.0.1:1/ws001.example.test","capacity":1,"sessions":[]` + s + `}`
	}
	return []badBody{
		{"resources: too large", "POST", frontPath + "resources", `{"user":"` + big + `"}`, 413, wire.CodeTooLarge},
		{"resources: no JSON", "POST", frontPath + "resources", `<html>`, 400, wire.CodeBadRequest},
		{"resources: empty", "POST", frontPath + "resources", ``, 400, wire.CodeBadRequest},
		{"resources: no user", "POST", frontPath + "resources", `{"user":" "}`, 400, wire.CodeBadRequest},
		{"resources: unknown field", "POST", frontPath + "resources", `{"user":"alice","admin":true}`, 400, wire.CodeBadRequest},
		{"resources: two values", "POST", frontPath + "resources", `{"user":"alice"}{"user":"bob"}`, 400, wire.CodeBadRequest},
		{"resources: deep", "POST", frontPath + "resources", strings.Repeat("[", 100_000), 400, wire.CodeBadRequest},
		{"launch: too large", "POST", frontPath + "sessions", `{"user":"` + big + `"}`, 413, wire.CodeTooLarge},
		{"launch: wrong type", "POST", frontPath + "sessions", `{"user":7,"resource":"desktop:office"}`, 400, wire.CodeBadRequest},
		{"launch: no such kind", "POST", frontPath + "sessions", `{"user":"alice","resource":"office"}`, 400, wire.CodeBadRequest},
		{"launch: unknown resource", "POST", frontPath + "sessions", `{"user":"alice","resource":"desktop:nothing"}`, 404, wire.CodeUnknownResource},
		{"launch: not entitled", "POST", frontPath + "sessions", `{"user":"bob","resource":"desktop:office"}`, 403, wire.CodeNotEntitled},
		{"launch: dry_run", "POST", frontPath + "sessions?dry_run=perhaps", `{"user":"alice","resource":"desktop:office"}`, 400, wire.CodeBadRequest},
		{"redeem: no ticket", "POST", frontPath + "tickets/redeem", `{}`, 400, wire.CodeBadRequest},
		{"redeem: unknown ticket", "POST", frontPath + "tickets/redeem", `{"ticket":"nobody-made-this-one"}`, 404, wire.CodeTicketUnknown},
		{"no such path", "POST", frontPath + "nothing", `{}`, 404, wire.CodeNotFound},
		{"no such method", "DELETE", frontPath + "resources", ``, 405, wire.CodeMethod},
		{"registration: too large", "POST", vdaPath, `{"machine":"` + bigVDA + `"}`, 413, wire.CodeTooLarge},
		{"registration: no JSON", "POST", vdaPath, `machine=ws001`, 400, wire.CodeBadRequest},
		{"registration: cut off", "POST", vdaPath, `{"machine":"ws001.example.test"`, 400, wire.CodeBadRequest},
		{"registration: capacity", "POST", vdaPath, strings.Replace(registration(""), `"capacity":1`, `"capacity":0`, 1), 400, wire.CodeBadRequest},
		{"registration: unknown machine", "POST", vdaPath, strings.ReplaceAll(registration(`,"newer":{"field":1}`), "ws001", "ws999"), 403, wire.CodeUnknownMachine},
		{"registration: callback elsewhere", "POST", vdaPath, strings.Replace(registration(""), "127.0.0.1:1", "192.0.2.1:1", 1), 403, wire.CodeForbidden},
		{"heartbeat: unknown lease", "PUT", vdaPath + "/nobody", `{"load":0,"newer":true}`, 404, wire.CodeLeaseUnknown},
	}
}

// "Bodies: too large 413, malformed 400, each a problem document." Unknown fields:
// refused on StoreFront and admin bodies, ignored on those of VDAs (design 8). The
// answers are the same in Normal, relayed, and in the outage, from the engine.
func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	s.up()
	cc := s.zone[0]
	s.launches("alice", "desktop:office")
	t.Run("relayed", s.testBadBodies)
	t.Run("admin", s.testBadOrders)
	if v := cc.admin().Reaches(step, zone.Normal); !v.Health.Healthy {
		t.Errorf("bad requests made the cloud broker look ill: %s", v.Health.Reason)
	}
	cc.admin().Outage("force", "to ask the secondary broker")
	cc.admin().Reaches(step, zone.InitialHA)
	s.launches("alice", "desktop:office")
	t.Run("brokered", s.testBadBodies)
	s.launches("alice", "desktop:office")
}

func (s *stand) testBadBodies(t *testing.T) {
	for _, c := range badBodies() {
		t.Run(c.name, func(t *testing.T) {
			a, err := ask(t, http.DefaultClient, c.method, s.zone[0].url(7480)+c.path, c.body)
			wantProblem(t, a, err, c.status, c.code)
		})
	}
	t.Run("registration: unknown fields are ignored", func(t *testing.T) {
		body := `{"machine":"ws002.example.test","zone":"berlin","protocol":"1.7","callback":"http://127.0.0.1:1/ws002.example.test","capacity":1,"sessions":[],"newer":{"field":[1]}}`
		a, err := ask(t, http.DefaultClient, "POST", s.zone[0].url(7480)+vdaPath, body)
		if err != nil || a.Status != http.StatusCreated {
			t.Errorf("got %d %s (%v), want 201", a.Status, a.Body, err)
		}
	})
}

// testBadOrders: orders of an operator that nobody understands change nothing.
func (s *stand) testBadOrders(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DialContext: dialSocket(s.zone[0].socket())}}
	t.Cleanup(client.CloseIdleConnections)
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"unknown field":  {`{"action":"force","reason":"x","by":"y","for":"1h"}`, 400, wire.CodeBadRequest},
		"unknown action": {`{"action":"explode"}`, 400, wire.CodeBadRequest},
		"no JSON":        {`force`, 400, wire.CodeBadRequest},
		"too large":      {`{"action":"` + strings.Repeat("x", wire.MaxBody) + `"}`, 413, wire.CodeTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ask(t, client, "POST", "http://connector/admin/v1/outage", c.body)
			wantProblem(t, a, err, c.status, c.code)
		})
	}
	s.zone[0].admin().Reaches(step, zone.Normal)
}
