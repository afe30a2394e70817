package cli_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"understudy/console"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// broken is a zone of three active connectors and a standby, with a majority, of
// which one is being drained and one has just come back.
func broken() wire.Status {
	st := status()
	st.Force, st.Level, st.Detection, st.Recovery = nil, 2, site.Duration(2*time.Minute), site.Duration(20*time.Minute)
	st.Election = wire.ElectionStatus{
		Elected: "cc02.example.test", Reason: "2 of 3 active connectors name it", CanServe: true, Policy: site.Majority,
		Vote: "cc02.example.test", Votes: 2, Needed: 2, Draining: true,
		Promotion: &zone.Promotion{By: "ada", Reason: "cc03 burnt down"},
		Waiting:   map[site.FQDN]site.Duration{"cc01.example.test": site.Duration(40 * time.Second)},
	}
	return st
}

func brokenPeers() wire.List[wire.PeerStatus] {
	list := peers()
	list[0].Draining, list[0].Vote, list[0].Elected = true, "cc02.example.test", "cc02.example.test"
	list[1].Vote, list[1].Elected = "cc02.example.test", "cc02.example.test"
	list = append(list, wire.PeerStatus{FQDN: "cc04.example.test", Heard: true, Link: "up", State: zone.ExtendedHA, CanServe: true, Standby: true})
	return wire.List[wire.PeerStatus]{Items: list}
}

// RAS-01, RAS-02, RAS-04, LHC-19: "An operator reads from status how many more
// failures the zone tolerates", who votes for whom, and what flap damping does.
func TestElectionScreens(t *testing.T) {
	c := &connector{status: broken(), change: func(o *console.Options) { o.Peers = brokenPeers }}
	address := c.serve(t, "unix")
	for name, args := range map[string][]string{
		"election": {"election", "status"}, "election_in_status": {"status"}, "election_in_peers": {"peers"},
	} {
		t.Run(name, func(t *testing.T) {
			code, got, problems := run(t, append(args, "--connector", address)...)
			if code != 0 || problems != "" {
				t.Fatalf("exit %d: %s", code, problems)
			}
			golden(t, name, got)
		})
	}
}

// RAS-02: the JSON form has all that the table shows.
func TestElectionStatusAsJSON(t *testing.T) {
	c := &connector{status: broken(), change: func(o *console.Options) { o.Peers = brokenPeers }}
	_, out, _ := run(t, "election", "status", "-o", "json", "--connector", c.serve(t, "unix"))
	var got struct {
		wire.ElectionAnswer
		Zone  string            `json:"zone"`
		Peers []wire.PeerStatus `json:"peers"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	e := got.Election
	if got.Zone != "berlin" || got.Connector != "cc01.example.test" || got.State != zone.ExtendedHA || len(got.Peers) != 4 || !got.Peers[3].Standby ||
		e.Policy != site.Majority || e.Votes != 2 || e.Needed != 2 || e.Tolerates != 0 || e.Promotion == nil || !e.Draining || len(e.Waiting) != 1 {
		t.Errorf("got %s", out)
	}
}

func TestToleranceInOneSentence(t *testing.T) {
	tests := []struct {
		tolerates int
		policy    site.Policy
		want      string
	}{
		{-1, site.Majority, "majority, votes 1, needed 2: the zone could not serve now, it has no majority"},
		{-1, site.Available, "available: the zone could not serve now"},
		{0, site.Majority, "majority, votes 1, needed 2: no further connector may fail"},
		{1, site.Available, "available: the zone can still serve after the failure of 1 more connector"},
		{2, site.Available, "available: the zone can still serve after the failure of 2 more connectors"},
	}
	for _, tt := range tests {
		st := status()
		st.Election.Policy, st.Election.Tolerates, st.Election.Votes, st.Election.Needed = tt.policy, tt.tolerates, 1, 2
		_, out, _ := run(t, "election", "status", "--connector", (&connector{status: st}).serve(t, "unix"))
		if !strings.Contains(out, " "+tt.want+"\n") {
			t.Errorf("%d under %s: got\n%s\nwant a line with %q", tt.tolerates, tt.policy, out, tt.want)
		}
	}
}

// RAS-02: who is promoted serves, and has no majority.
func TestToleranceOfThePromoted(t *testing.T) {
	st := broken()
	st.Election.Tolerates = -1
	_, out, _ := run(t, "election", "status", "--connector", (&connector{status: st}).serve(t, "unix"))
	if want := ": the zone serves by the promotion only, it has no majority\n"; !strings.Contains(out, want) {
		t.Errorf("got\n%s\nwant a line with %q", out, want)
	}
}

// RAS-02: "an administrator promotes by hand", told what that risks, and never by
// mistake; draining and its end ask nothing.
func TestElectionOrders(t *testing.T) {
	c := &connector{status: broken()}
	address := c.serve(t, "unix")
	tests := []struct {
		args []string
		code int
		says []string
	}{
		{[]string{"promote"}, 2, []string{"--yes", "two connectors of a broken zone"}},
		{[]string{"promote", "--help"}, 0, []string{"Two parts of a broken zone may both serve", "Each desktop"}},
		{[]string{"promote", "--yes", "--reason", "cc02 burnt down"}, 0, []string{"without a majority", "Two parts of a broken zone may both serve", "No further connector"}},
		{[]string{"drain", "--reason", "patches"}, 0, []string{"cc01.example.test is draining", "Elected is cc02.example.test"}},
		{[]string{"relist"}, 2, []string{"--yes", "two connectors of a broken zone"}},
		{[]string{"relist", "--yes"}, 0, []string{"takes the newest list"}},
		{[]string{"undrain"}, 0, []string{"cc01.example.test is an ordinary candidate again"}},
		{[]string{"drain", "--yes"}, 2, []string{"--yes"}},
		{[]string{}, 2, []string{"drain, promote, relist, status, undrain"}},
	}
	for _, tt := range tests {
		code, out, problems := run(t, append(append([]string{"election"}, tt.args...), "--connector", address)...)
		for _, want := range tt.says {
			if text := out + problems; code != tt.code || !strings.Contains(text, want) {
				t.Errorf("%v: exit %d, want %d and %q in\n%s", tt.args, code, tt.code, want, text)
			}
		}
	}
	if len(c.parts) != 4 || c.parts[0].Action != wire.Promote || c.parts[0].Reason != "cc02 burnt down" || c.parts[0].By == "" ||
		c.parts[1].Action != wire.Drain || c.parts[1].Reason != "patches" || c.parts[2].Action != wire.Relist || c.parts[3].Action != wire.Undrain {
		t.Errorf("orders %+v", c.parts)
	}
}

func TestElectionOrderRefusedByState(t *testing.T) {
	c := &connector{refuse: wire.NewProblem(409, wire.CodeRefused, "cc02.example.test is seen and serves")}
	code, _, problems := run(t, "election", "promote", "--yes", "--connector", c.serve(t, "unix"))
	if code != 5 || !strings.Contains(problems, "cc02.example.test is seen and serves") {
		t.Errorf("exit %d: %s", code, problems)
	}
}
