package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"understudy/cloud"
	"understudy/cmd/understudy/cli"
	"understudy/site"
	"understudy/wire"
)

// store is a cloud broker of which only the site's page is there.
type store struct {
	mu        sync.Mutex // guards the rest
	published []*site.Site
	matches   []string
	refuse    *wire.Problem
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodPut && s.refuse != nil:
		wire.WriteError(w, s.refuse)
		return
	case r.Method == http.MethodPut:
		var got site.Site
		if err := wire.Read(w, r, wire.MaxStream, wire.Refuse, &got); err != nil {
			wire.WriteError(w, err)
			return
		}
		s.matches = append(s.matches, r.Header.Get("If-Match"))
		if len(s.published) == 0 || wire.Digest(s.published[len(s.published)-1]) != wire.Digest(&got) {
			s.published = append(s.published, &got)
		}
	case len(s.published) == 0:
		wire.WriteError(w, wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "no site"))
		return
	}
	n := len(s.published)
	wire.WriteJSON(w, http.StatusOK, cloud.Published{Version: site.Version{History: "h", Number: uint64(n)}, Site: s.published[n-1]})
}

func (s *store) serve(t testing.TB) string {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

// names are the connectors of each version that was published.
func (s *store) names() [][]site.FQDN {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([][]site.FQDN, len(s.published))
	for i, p := range s.published {
		for _, c := range p.Connectors {
			all[i] = append(all[i], c.FQDN)
		}
	}
	return all
}

// siteFile writes a site with the given connectors in one zone.
func siteFile(t testing.TB, policy site.Policy, names ...site.FQDN) string {
	t.Helper()
	s := site.Site{Name: "example", Zones: []site.Zone{{Name: "berlin", Settings: site.Settings{Policy: policy}}}}
	for _, name := range names {
		s.Connectors = append(s.Connectors, site.Connector{
			FQDN: name, Zone: "berlin", ClientURL: "https://" + string(name) + ":7480", PeerURL: "https://" + string(name) + ":7489",
		})
	}
	text, err := yaml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestSiteApply(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	_, made, _ := run(t, "site", "generate", "--machines", "20", "--users", "30")
	if err := os.WriteFile(file, []byte(made), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &store{}
	address := s.serve(t)
	code, out, problems := run(t, "site", "apply", file, "--cloud", address)
	if code != 0 || !strings.Contains(out, "version h-1") || len(s.published[0].Machines) != 20 {
		t.Errorf("exit %d: %s%s; %v arrived", code, out, problems, s.names())
	}
	// Publishing what is there already says so.
	code, out, problems = run(t, "site", "apply", file, "--cloud", address)
	if code != 0 || !strings.Contains(out, "Nothing changed: version h-1") {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
}

// RAS-01: "`site apply` makes larger changes in steps", each based on the one before.
func TestSiteApplyInSteps(t *testing.T) {
	s := &store{}
	address := s.serve(t)
	run(t, "site", "apply", siteFile(t, site.Majority, "c1", "c2"), "--cloud", address)
	next := siteFile(t, site.Majority, "c1", "c2", "c3", "c4")
	code, out, problems := run(t, "site", "apply", next, "--cloud", address, "--dry-run")
	if code != 0 || len(s.names()) != 1 || !strings.Contains(out, "1. zone berlin: c3 joins\n  2. zone berlin: c4 joins\n2 steps, 3m0s apart") {
		t.Errorf("exit %d, %v: %s%s", code, s.names(), out, problems)
	}
	code, out, problems = run(t, "site", "apply", next, "--cloud", address, "--step-wait", "1ms")
	want := [][]site.FQDN{{"c1", "c2"}, {"c1", "c2", "c3"}, {"c1", "c2", "c3", "c4"}}
	if diff := cmp.Diff(want, s.names()); code != 0 || diff != "" {
		t.Errorf("exit %d: %s%s\nversions (-want +got):\n%s", code, out, problems, diff)
	}
	if diff := cmp.Diff([]string{"", `"h-1"`, `"h-2"`}, s.matches); diff != "" {
		t.Errorf("If-Match (-want +got):\n%s", diff)
	}
	for _, line := range []string{"this takes 2 steps, 1ms apart:", "Step 1 of 2 is published as version h-2.", "Step 2 of 2 is published as version h-3.", "Published as version h-3"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
}

// Who stops it between two steps learns what stands and how to go on, and the same
// command goes on from there.
func TestSiteApplyStopped(t *testing.T) {
	s := &store{}
	address := s.serve(t)
	run(t, "site", "apply", siteFile(t, site.Majority, "c1"), "--cloud", address)
	next := siteFile(t, site.Majority, "c1", "c2", "c3")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var problems bytes.Buffer
	out := &writes{left: 4, end: cancel} // the plan has three lines, the fourth says that step 1 is done
	code := cli.Run(ctx, []string{"site", "apply", next, "--cloud", address, "--step-wait", "1h"}, out, &problems)
	if code != 1 || !strings.Contains(problems.String(), "stopped after 1 of 2 steps: version h-2 stands") || !strings.Contains(problems.String(), "same command") {
		t.Errorf("exit %d: %s%s", code, out.text.String(), problems.String())
	}
	code, text, said := run(t, "site", "apply", next, "--cloud", address)
	if code != 0 || !strings.Contains(text, "Published as version h-3") || len(s.names()[2]) != 3 {
		t.Errorf("exit %d, %v: %s%s", code, s.names(), text, said)
	}
}

// A site that somebody else publishes meanwhile is not overwritten.
func TestSiteApplyRefusedOnTheWay(t *testing.T) {
	s := &store{}
	address := s.serve(t)
	run(t, "site", "apply", siteFile(t, site.Majority, "c1"), "--cloud", address)
	s.refuse = wire.NewProblem(http.StatusPreconditionFailed, wire.CodePrecondition, "the site is at version h-9")
	code, _, problems := run(t, "site", "apply", siteFile(t, site.Majority, "c1", "c2", "c3"), "--cloud", address)
	if code != 5 || !strings.Contains(problems, "h-9") {
		t.Errorf("exit %d: %s", code, problems)
	}
}

func TestSiteApplyAsJSON(t *testing.T) {
	s := &store{}
	address := s.serve(t)
	run(t, "site", "apply", siteFile(t, site.Majority, "c1"), "--cloud", address)
	next := siteFile(t, site.Majority, "c1", "c2", "c3")
	for _, more := range [][]string{{"--dry-run"}, {"--step-wait", "0s"}} {
		code, out, _ := run(t, append([]string{"site", "apply", next, "--cloud", address, "-o", "json"}, more...)...)
		if code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("%v: exit %d: %s", more, code, out)
		}
	}
	if code, _, problems := run(t, "site", "apply", next, "--cloud", address, "--step-wait", "-1s"); code != 2 || !strings.Contains(problems, "--step-wait") {
		t.Errorf("exit %d: %s", code, problems)
	}
}
