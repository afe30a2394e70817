package cli_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/console"
	"understudy/site"
	"understudy/wire"
)

func groups() wire.GroupList {
	return wire.GroupList{
		MaxSessions: 500, STAFailover: site.Disabled, ReuseInOutage: true,
		Items: []wire.GroupStatus{
			{
				Name: "farm", Kind: site.MultiSession, Zones: []string{"berlin", "rome"}, Desktop: "Farm", Failover: site.Stateless, Balance: site.DepthFirst,
				MaxSessions: 60, Dynamic: true, Machines: 12,
				Weights: []wire.WeightCount{{Weight: 100, Machines: 11, Names: []site.FQDN{"ts1", "ts2"}}, {Weight: 200, Machines: 1, Names: []site.FQDN{"ts9"}}},
				Use:     &wire.GroupUse{Sessions: 31, PeakToday: 40, Free: 5, Full: 4, Maintenance: 2, Aside: 0, Away: 1},
			},
			{Name: "pool", Kind: site.Pooled, Zones: []string{"berlin"}, Failover: site.Stateful, Balance: site.LeastLoad, ReuseInOutage: true, ReplaceUnreachable: true, Weights: []wire.WeightCount{}},
		},
	}
}

// ADC-05: "Settable and readable from the command line": mode, balance, weights, limits,
// flags, and the machines by what they can do.
func TestGroupListAndShow(t *testing.T) {
	at := "--connector=" + (&connector{status: status()}).serve(t, "unix")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"group", "list"}, []string{
			"GROUP  KIND           FAILOVER   BALANCE      LIMIT  MACHINES  SESSIONS  FREE  FULL  MAINT  ASIDE  AWAY  FLAGS",
			"farm   multi-session  stateless  depth-first  60           12  31        5     4     2      0      1     dynamic",
			"pool   pooled         stateful   least-load   -             0  -         -     -     -      -      -     reuse_in_outage, replace_unreachable",
			"Of the whole site: sta_failover disabled, max_sessions 500, reuse_in_outage.",
		}},
		{[]string{"group", "show", "farm"}, []string{
			"farm  multi-session, in berlin, rome", "stateless (STA tickets: disabled)", "60 sessions; the site 500", "weight 100: 11, ts1, ts2, …", "weight 200: 1, ts9",
			"5 free, 4 full, 2 in maintenance, 0 aside, 1 away", "31, at most 40 at a time today",
		}},
		{[]string{"group", "show", "pool"}, []string{"yes, by site and group"}},
		{[]string{"group", "show", "pool", "-o", "json"}, []string{`"failover": "stateful"`}},
	} {
		code, out, problems := run(t, append(c.args, at)...)
		for _, want := range c.want {
			if code != 0 || !strings.Contains(out, want) {
				t.Errorf("%v: exit %d, no %q in\n%s%s", c.args, code, want, out, problems)
			}
		}
	}
	if code, _, problems := run(t, at, "group", "show", "fram"); code != 1 || !strings.Contains(problems, `no delivery group "fram", but farm, pool`) {
		t.Errorf("exit %d: %s", code, problems)
	}
}

// ADC-05: before the first sync nothing is said of the settings of a site.
func TestGroupListWithoutASite(t *testing.T) {
	c := &connector{status: status(), change: func(o *console.Options) {
		o.Groups = func() wire.GroupList {
			return wire.GroupList{Note: "this connector has no usable snapshot of the site"}
		}
	}}
	code, out, _ := run(t, "group", "list", "--connector="+c.serve(t, "unix"))
	if code != 0 || out != "this connector has no usable snapshot of the site\n" {
		t.Errorf("exit %d: %s", code, out)
	}
}

// published is a cloud broker with a site of two groups.
func published() *store {
	return &store{published: []*site.Site{{
		Name: "example", Zones: []site.Zone{{Name: "berlin"}}, MaxSessions: 100,
		Connectors: []site.Connector{{FQDN: "c1", Zone: "berlin", ClientURL: "https://c1:7480", PeerURL: "https://c1:7489"}},
		Groups: []site.DeliveryGroup{
			{Name: "farm", Kind: site.MultiSession, Zones: []string{"berlin"}, Desktop: "Farm"},
			{Name: "office", Kind: site.Assigned, Zones: []string{"berlin"}, Desktop: "Office"},
		},
		Machines: []site.Machine{{Name: "ts1", Group: "farm", Zone: "berlin"}, {Name: "ts2", Group: "farm", Zone: "berlin", Weight: 50}, {Name: "ws1", Group: "office", Zone: "berlin"}},
	}}}
}

// ADC-05: `group set` publishes what it was told, based on what it has read, and nothing
// else; it says what it changes.
func TestGroupSet(t *testing.T) {
	s := published()
	to := []string{"--cloud", s.serve(t), "--site", "example"}
	all := append([]string{
		"group", "set", "farm", "--failover", "stateless", "--balance", "depth-first", "--max-sessions", "60", "--launch-formats", "rdp,json", "--weight", "TS1.=200", "--weight", "ts2=100",
	}, to...)
	words := "failover: stateful → stateless\n  balance: least-load → depth-first\n  max_sessions: - → 60\n  launch formats: json, rdp, guacamole → rdp, json\n  weight of ts1: 100 → 200\n  weight of ts2: 50 → 100\n"

	code, out, problems := run(t, append(all, "--dry-run")...)
	if code != 0 || !strings.Contains(out, words) || !strings.Contains(out, "Nothing was published") || len(s.published) != 1 {
		t.Errorf("dry run: exit %d, %d versions: %s%s", code, len(s.published), out, problems)
	}
	code, out, problems = run(t, all...)
	if code != 0 || !strings.Contains(out, words) || !strings.Contains(out, "Published as version h-2") {
		t.Fatalf("exit %d: %s%s", code, out, problems)
	}
	want := published().published[0]
	want.Groups[0].Failover, want.Groups[0].Balance, want.Groups[0].MaxSessions = site.Stateless, site.DepthFirst, 60
	want.Groups[0].Launch.Formats = []site.LaunchFormat{site.LaunchRDP, site.LaunchJSON}
	want.Machines[0].Weight, want.Machines[1].Weight = 200, 100
	if diff := cmp.Diff(want, s.published[1]); diff != "" || s.matches[0] != `"h-1"` {
		t.Errorf("If-Match %s; published (-want +got):\n%s", s.matches[0], diff)
	}
	code, out, _ = run(t, all...)
	if code != 0 || !strings.Contains(out, "Nothing changes: group farm is so already in version h-2") || len(s.published) != 2 {
		t.Errorf("again: exit %d, %d versions: %s", code, len(s.published), out)
	}
	var got struct{ Changes []string }
	code, out, _ = run(t, append([]string{"group", "set", "farm", "--max-sessions", "0", "-o", "json"}, to...)...)
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || !cmp.Equal(got.Changes, []string{"max_sessions: 60 → -"}) || s.published[2].Groups[0].MaxSessions != 0 {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

// ADC-05: what cannot be is refused with its reason, and nothing is published.
func TestGroupSetRefused(t *testing.T) {
	s := published()
	address := s.serve(t)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"farm", "--failover", "sticky"}, 2, "the modes are stateful, stateless, disabled"},
		{[]string{"farm", "--balance", "random"}, 2, "the policies are least-load"},
		{[]string{"farm", "--launch-formats", "rdp,ica"}, 2, "--launch-formats ica: the formats are json, rdp, guacamole"},
		{[]string{"farm", "--launch-formats", "rdp,rdp"}, 78, `"rdp" is there twice`},
		{[]string{"farm"}, 2, "nothing to set"},
		{[]string{"--failover", "stateless"}, 2, "needs NAME"},
		{[]string{"fram", "--failover", "stateless"}, 1, `no delivery group "fram", but farm, office`},
		{[]string{"farm", "--failover", "disabled"}, 78, "disabled does not go with `max_sessions` of the group or of the site: the next connector would not count"},
		{[]string{"farm", "--balance", "round-robin", "--failover", "stateless"}, 78, "no desktop knows whose turn it is"},
		{[]string{"farm", "--max-sessions", "-1"}, 78, "groups[0].max_sessions: -1"},
		{[]string{"farm", "--weight", "ws1=50"}, 1, "ws1: it is no machine of group farm"},
		{[]string{"farm", "--weight", "ts1=0"}, 2, "at least 1"},
		{[]string{"farm", "--weight", "ts1=20000"}, 78, "machines[0].weight"},
		{[]string{"farm", "--weight", "ts1"}, 2, "ts1"},
	} {
		code, _, problems := run(t, append([]string{"group", "set", "--cloud", address, "--site", "example"}, c.args...)...)
		if code != c.code || !strings.Contains(problems, c.want) || len(s.published) != 1 {
			t.Errorf("%v: exit %d, %d versions, no %q in %s", c.args, code, len(s.published), c.want, problems)
		}
	}
	if code, _, problems := run(t, "group", "set", "farm", "--failover", "stateless"); code != 2 || !strings.Contains(problems, "--cloud URL and --site NAME") {
		t.Errorf("exit %d: %s", code, problems)
	}
	s.refuse = wire.NewProblem(http.StatusPreconditionFailed, wire.CodePrecondition, "the site is at version h-9")
	code, _, problems := run(t, "group", "set", "farm", "--failover", "stateless", "--cloud", address, "--site", "example")
	if code != 5 || !strings.Contains(problems, "somebody else published the site meanwhile") || !strings.Contains(problems, "h-9") {
		t.Errorf("exit %d: %s", code, problems)
	}
	s.published, s.refuse = nil, nil
	if code, _, problems = run(t, "group", "set", "farm", "--failover", "stateless", "--cloud", address, "--site", "example"); code != 1 || !strings.Contains(problems, "no site") {
		t.Errorf("exit %d: %s", code, problems)
	}
}
