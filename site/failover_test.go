package site_test

import (
	"os"
	"strings"
	"testing"

	"understudy/site"
)

// ADC-05: "A table documents what is kept in each mode", and what goes with it: made
// from the matrix by which sites are judged.
func TestFailoverTableIsInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/groups.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := site.FailoverTable(); !strings.Contains(string(page), table) {
		t.Errorf("docs/groups.md does not hold this table:\n%s", table)
	}
}

// ADC-01: every mode goes with every setting of a group, unless the matrix says why
// not; then the site is refused with that reason.
func TestFailoverRules(t *testing.T) {
	examples := map[string]func(*site.Site){
		"`kind: assigned`":         func(s *site.Site) { s.Groups[2].Kind = site.Assigned },
		"`kind: pooled`":           func(s *site.Site) { s.Groups[2].Kind = site.Pooled },
		"`kind: multi-session`":    func(*site.Site) {},
		"`balance: least-load`":    func(s *site.Site) { s.Groups[2].Balance = site.LeastLoad },
		"`balance: round-robin`":   func(s *site.Site) { s.Groups[2].Balance = site.RoundRobin },
		"`balance: breadth-first`": func(s *site.Site) { s.Groups[2].Balance = site.BreadthFirst },
		"`balance: depth-first`":   func(s *site.Site) { s.Groups[2].Balance = site.DepthFirst },
		"`dynamic: true`, of the group or of an application on it": func(s *site.Site) { s.Groups[2].Dynamic = true },
		"`max_sessions` of the group or of the site":               func(s *site.Site) { s.Groups[2].MaxSessions = 5 },
	}
	for _, rule := range site.FailoverRules() {
		for _, mode := range site.Failovers() {
			s := company()
			for i := range s.Machines {
				s.Machines[i].Capacity = 0
			}
			if s.Groups[2].Kind != site.MultiSession || examples[rule.What] == nil {
				t.Fatalf("no example of %s", rule.What)
			}
			examples[rule.What](s)
			s.Groups[2].Failover = mode
			why, refused := rule.Refused[mode]
			var text string
			for _, f := range s.Validate() {
				text += f.String() + "\n"
			}
			if refused && !strings.Contains(text, "groups[2].failover: "+string(mode)+" does not go with") || refused && !strings.Contains(text, why) {
				t.Errorf("%s with %s: faults %q, want one that says %q", rule.What, mode, text, why)
			}
			if !refused && text != "" {
				t.Errorf("%s with %s: faults %q, want none", rule.What, mode, text)
			}
		}
	}
}

func TestDefaultModes(t *testing.T) {
	var g site.DeliveryGroup
	var s site.Site
	if g.FailoverMode() != site.Stateful || s.STAFailoverMode() != site.Stateful || g.Balancing() != site.LeastLoad {
		t.Errorf("defaults are %s, %s, %s", g.FailoverMode(), s.STAFailoverMode(), g.Balancing())
	}
	if site.Failovers()[0] != site.Stateful || site.Balances()[0] != site.LeastLoad {
		t.Error("the default is not the first")
	}
}
