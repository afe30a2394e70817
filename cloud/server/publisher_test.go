package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"understudy/cloud"
	"understudy/site"
	"understudy/wire"
)

// LHC-36: a desktop that a launch gave to its user stays that user's when the
// administrator publishes a site that names no owner, also after a crash of the
// cloud broker; another owner in the site overrules it for good.
func TestAssignmentOutlivesPublications(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	admin := s.client(t, adminSecret, "")
	put(t, admin, exampleSite())
	launchOwn(t, s)
	waitFor(t, func() bool { return owner(t, admin, "d1.example") == "alice" })
	put(t, admin, exampleSite())
	if got := owner(t, admin, "d1.example"); got != "alice" {
		t.Errorf("after a site without owner: %q, want alice", got)
	}
	s.stop()

	admin = start(t, data).client(t, adminSecret, "")
	if got := owner(t, admin, "d1.example"); got != "alice" {
		t.Errorf("after a restart: %q, want alice", got)
	}
	other := exampleSite()
	other.Machines[0].AssignedUser = "bob"
	put(t, admin, other)
	put(t, admin, exampleSite())
	if got := owner(t, admin, "d1.example"); got != "" {
		t.Errorf("after bob was named and no more: %q, want nobody", got)
	}
}

// LHC-36: a user whom only a user group entitles, and whom the site does not name,
// keeps the machine too.
func TestAssignmentOfUnnamedUser(t *testing.T) {
	s := start(t, t.TempDir())
	admin := s.client(t, adminSecret, "")
	x := exampleSite()
	x.Users = []site.User{{Name: "bob", Groups: []string{"staff"}}}
	x.Entitlements = []site.Entitlement{{UserGroup: "staff", Desktop: "Own"}}
	put(t, admin, x)
	launchOwn(t, s)
	waitFor(t, func() bool { return owner(t, admin, "d1.example") == "alice" })
}

// A name that no site may have never becomes an owner's: published, it would stop
// every connector's sync and every later publication.
func TestNobodyOfAnInvalidNameBecomesAnOwner(t *testing.T) {
	s := start(t, t.TempDir())
	admin := s.client(t, adminSecret, "")
	x := exampleSite()
	x.Entitlements = []site.Entitlement{{UserGroup: "staff", Desktop: "Own"}}
	put(t, admin, x)
	connector := s.client(t, connectorSecret, "cc1.example")
	for _, name := range []string{"alice ", "ali\nce", strings.Repeat("x", 129)} {
		send(t, connector, "/storefront/v1/sessions", wire.LaunchRequest{User: name, Groups: []string{"staff"}, Resource: "desktop:Own"}, http.StatusBadRequest)
		send(t, connector, "/vda/v1/registrations", wire.Registration{
			Machine: "d1.example", Zone: "east", Callback: "https://d1.example:7485", Capacity: 1, AssignedUser: name,
		}, http.StatusBadRequest)
	}
	put(t, admin, x)
}

func put(t testing.TB, admin *cloud.Client, s *site.Site) {
	t.Helper()
	if _, err := admin.PutSite(t.Context(), s, site.Version{}); err != nil {
		t.Fatal(err)
	}
}

func owner(t testing.TB, admin *cloud.Client, machine site.FQDN) string {
	t.Helper()
	p, err := admin.Site(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range p.Site.Machines {
		if m.Name == machine {
			return m.AssignedUser
		}
	}
	return "no such machine"
}

// launchOwn registers d1.example and launches it for alice, with a connector that
// passes her on.
func launchOwn(t testing.TB, s running) {
	t.Helper()
	connector := s.client(t, connectorSecret, "cc1.example")
	stream, err := connector.Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var answering sync.WaitGroup
	answering.Go(func() { agree(stream) })
	defer answering.Wait()
	defer stream.Close()
	send(t, connector, "/vda/v1/registrations", wire.Registration{
		Machine: "d1.example", Zone: "east", Callback: "https://d1.example:7485", Capacity: 1,
	}, http.StatusCreated)
	send(t, connector, "/storefront/v1/sessions", wire.LaunchRequest{User: "alice", Groups: []string{"staff"}, Resource: "desktop:Own"}, http.StatusCreated)
}

func agree(stream io.ReadWriter) {
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		var c wire.Call
		if json.Unmarshal(lines.Bytes(), &c) != nil || c.ID == "" {
			continue
		}
		line, _ := json.Marshal(wire.CallAnswer{ID: c.ID, Status: http.StatusCreated, Body: json.RawMessage(`{"address":"192.0.2.1","port":1,"protocol":"ICA"}`)})
		if _, err := stream.Write(append(line, '\n')); err != nil {
			return
		}
	}
}

func send(t testing.TB, c *cloud.Client, target string, body any, want int) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Forward(t.Context(), http.MethodPost, target, http.Header{"Content-Type": {"application/json"}}, text)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		t.Fatalf("POST %s: %v", target, wire.ReadProblem(resp))
	}
}

func waitFor(t testing.TB, fact func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !fact(); {
		if time.Now().After(deadline) {
			t.Fatal("it did not become true within 10s")
		}
		<-time.After(20 * time.Millisecond)
	}
}
