package site_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/site"
)

func TestCompanyIsValid(t *testing.T) {
	if faults := company().Validate(); len(faults) > 0 {
		t.Fatalf("got %v, want no fault", faults)
	}
}

// "Site validation reports every fault with its place."
func TestValidateNamesEachFault(t *testing.T) {
	tests := []struct {
		name   string
		change func(*site.Site)
		want   string
	}{
		{"no name", func(s *site.Site) { s.Name = "" }, `name: is missing`},
		{"zone without a name", func(s *site.Site) { s.Zones = append(s.Zones, site.Zone{}) }, `zones[2].name: is missing`},
		{"zone twice", func(s *site.Site) { s.Zones = append(s.Zones, s.Zones[0]) }, `zones[2].name: "berlin" is the name of zones[0] already`},
		{"zone without connectors", func(s *site.Site) { s.Zones = append(s.Zones, site.Zone{Name: "oslo"}) }, `zones[2]: zone "oslo" has no connector`},
		{"zone of standbys only", func(s *site.Site) { s.Connectors[2].Standby = true }, `zones[1]: all connectors of zone "lyon" are standbys`},
		{"name with a space", func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "carol "}) }, `users[2].name: "carol " begins or ends with a space, or holds a control character`},
		{"name too long", func(s *site.Site) { s.Users = append(s.Users, site.User{Name: strings.Repeat("x", 129)}) }, `users[2].name: is longer than 128 characters`},

		{"deadline negative", func(s *site.Site) { s.Zones[0].Settings.Deadline = -1e9 }, `zones[0].settings.deadline: -1s is less than 200ms`},
		{"deadline too short", func(s *site.Site) { s.Zones[0].Settings.Deadline = 1e8 }, `zones[0].settings.deadline: 100ms is less than 200ms`},
		{"period too short", func(s *site.Site) { s.Zones[0].Settings.Recovery = 1 }, `zones[0].settings.recovery: 1ns is less than 10ms`},
		{"join_wait below deadline", func(s *site.Site) { s.Zones[0].Settings.JoinWait = 3e8 }, `zones[0].settings.join_wait: 300ms is less than the deadline of 400ms`},
		{"join_wait below default deadline", func(s *site.Site) { s.Zones[1].Settings.JoinWait = 1e9 }, `zones[1].settings.join_wait: 1s is less than the deadline of 2s`},
		{"policy", func(s *site.Site) { s.Zones[0].Settings.Policy = "quorum" }, `zones[0].settings.policy: "quorum" is not available or majority`},
		{"deadline too short for a majority", func(s *site.Site) { s.Zones[0].Settings = site.Settings{Policy: site.Majority, Deadline: 3e8} }, `zones[0].settings.deadline: 300ms is less than 400ms, which the policy majority needs`},
		{"detection_max below detection", func(s *site.Site) { s.Zones[1].Settings.DetectionMax = 30e9 }, `zones[1].settings.detection_max: 30s is less than detection, which is 1m0s`},
		{"recovery_max below recovery", func(s *site.Site) { s.Zones[1].Settings.RecoveryMax = 60e9 }, `zones[1].settings.recovery_max: 1m0s is less than recovery, which is 5m0s`},
		{"participation", func(s *site.Site) { s.Zones[0].Settings.Participation = "never" }, `zones[0].settings.participation: "never" is not storefront-traffic or always`},

		{"connector without a name", func(s *site.Site) { s.Connectors[0].FQDN = "" }, `connectors[0].fqdn: is missing`},
		{"connector with a bad name", func(s *site.Site) { s.Connectors[0].FQDN = "cc 1" }, `connectors[0].fqdn: host name "cc 1": label "cc 1" contains ' '`},
		{"connector twice", func(s *site.Site) { s.Connectors[1].FQDN = "cc02.example.test" }, `connectors[1].fqdn: "cc02.example.test" is the name of connectors[0] already`},
		{"differing in case", func(s *site.Site) { s.Connectors[1].FQDN = "CC02.Example.test" }, `connectors[1].fqdn: "CC02.Example.test" is the name of connectors[0] already`},
		{"differing in a trailing dot", func(s *site.Site) { s.Connectors[1].FQDN = "cc02.example.test." }, `connectors[1].fqdn: "cc02.example.test." is the name of connectors[0] already`},
		{"machine named as a connector", func(s *site.Site) { s.Machines[0].Name = "cc01.example.test" }, `machines[0].name: "cc01.example.test" is the name of connectors[1] already`},
		{"connector in no zone", func(s *site.Site) { s.Connectors[0].Zone = "" }, `connectors[0].zone: is missing`},
		{"connector in an unknown zone", func(s *site.Site) { s.Connectors[0].Zone = "oslo" }, `connectors[0].zone: zone "oslo" does not exist`},
		{"no client URL", func(s *site.Site) { s.Connectors[0].ClientURL = "" }, `connectors[0].client_url: is missing`},
		{"no http URL", func(s *site.Site) { s.Connectors[0].PeerURL = "cc02:7489" }, `connectors[0].peer_url: "cc02:7489" is not an http or https URL`},
		{"URL without a host", func(s *site.Site) { s.Connectors[0].PeerURL = "https://:7489" }, `connectors[0].peer_url: "https://:7489" names no host`},
		{"URL with a query", func(s *site.Site) { s.Connectors[0].ClientURL += "/?a=b" }, `connectors[0].client_url: "https://cc02.example.test:7480/?a=b" holds more than scheme, host, port and path`},
		{"URL with an empty query", func(s *site.Site) { s.Connectors[0].ClientURL += "/?" }, `connectors[0].client_url: "https://cc02.example.test:7480/?" holds more than scheme, host, port and path`},
		{"URL with an empty fragment", func(s *site.Site) { s.Connectors[0].ClientURL += "/#" }, `connectors[0].client_url: "https://cc02.example.test:7480/#" holds more than scheme, host, port and path`},
		{"peer URL twice", func(s *site.Site) { s.Connectors[1].PeerURL = s.Connectors[0].PeerURL }, `connectors[1].peer_url: "https://cc02.example.test:7489" is that of connectors[0].peer_url already`},
		{"peer URL is client URL", func(s *site.Site) { s.Connectors[1].PeerURL = s.Connectors[1].ClientURL }, `connectors[1].peer_url: "https://cc01.example.test:7480" is the client_url too`},

		{"group in no zone", func(s *site.Site) { s.Groups = append(s.Groups, site.DeliveryGroup{Name: "x", Kind: site.Pooled}) }, `groups[3].zones: group "x" is in no zone`},
		{"group in an unknown zone", func(s *site.Site) { s.Groups[2].Zones = append(s.Groups[2].Zones, "oslo") }, `groups[2].zones[1]: zone "oslo" does not exist`},
		{"group in a zone twice", func(s *site.Site) { s.Groups[1].Zones = append(s.Groups[1].Zones, "lyon") }, `groups[1].zones[2]: "lyon" is in the list already, at 0`},
		{"group twice", func(s *site.Site) { s.Groups = append(s.Groups, s.Groups[1]) }, `groups[3].name: "pool" is the name of groups[1] already`},
		{"no kind", func(s *site.Site) { s.Groups[1].Kind = "" }, `groups[1].kind: is missing`},
		{"unknown kind", func(s *site.Site) { s.Groups[1].Kind = "shared" }, `groups[1].kind: "shared" is not assigned, pooled or multi-session`},
		{"reuse of a group that is not pooled", func(s *site.Site) { s.Groups[0].ReuseInOutage = true }, `groups[0].reuse_in_outage: only pooled groups have it, not assigned ones`},

		{"replacing in a group that is not pooled", func(s *site.Site) { s.Groups[0].ReplaceUnreachable = true }, `groups[0].replace_unreachable: only pooled groups have it, not assigned ones`},
		{"dynamic group of desktops for one user each", func(s *site.Site) { s.Groups[1].Dynamic = true }, `groups[1].dynamic: only multi-session groups have it, not pooled ones: all users share one host`},
		{"unknown balance", func(s *site.Site) { s.Groups[2].Balance = "random" }, `groups[2].balance: "random" is not least-load, round-robin, breadth-first or depth-first`},
		{"unknown failover mode", func(s *site.Site) { s.Groups[2].Failover = "hot" }, `groups[2].failover: "hot" is not stateful, stateless or disabled`},
		{"unknown failover mode of tickets", func(s *site.Site) { s.STAFailover = "hot" }, `sta_failover: "hot" is not stateful, stateless or disabled`},
		{"negative limit of the site", func(s *site.Site) { s.MaxSessions = -1 }, `max_sessions: -1 is not within 1 to 10000000, nor 0 for no limit`},
		{"limit of a group beyond all", func(s *site.Site) { s.Groups[2].MaxSessions = 1e8 }, `groups[2].max_sessions: 100000000 is not within 1 to 10000000, nor 0 for no limit`},
		{"dynamic application on pooled desktops", func(s *site.Site) { s.Applications[0].Dynamic = true }, `applications[0].groups[1]: group "pool" is pooled; a dynamic application is on multi-session hosts`},
		{"dynamic application on a dynamic group", func(s *site.Site) {
			s.Groups[2].Dynamic, s.Applications[0].Dynamic, s.Applications[0].Groups = true, true, []string{"shared"}
		}, `applications[0].groups[0]: group "shared" is dynamic itself: leave dynamic of the application out`},

		{"machine in an unknown group", func(s *site.Site) { s.Machines[0].Group = "x" }, `machines[0].group: group "x" does not exist`},
		{"machine in no group", func(s *site.Site) { s.Machines[0].Group = "" }, `machines[0].group: is missing`},
		{"machine in an unknown zone", func(s *site.Site) { s.Machines[0].Zone = "oslo" }, `machines[0].zone: zone "oslo" does not exist`},
		{"machine in a zone of which its group is not", func(s *site.Site) { s.Machines[2].Zone = "lyon" }, `machines[2].zone: group "own" is not in zone "lyon"`},
		{"machine twice", func(s *site.Site) { s.Machines[1].Name = "POOL2.example.test." }, `machines[1].name: "POOL2.example.test." is the name of machines[0] already`},
		{"capacity negative", func(s *site.Site) { s.Machines[3].Capacity = -1 }, `machines[3].capacity: -1 is not within 1 to 10000`},
		{"capacity too large", func(s *site.Site) { s.Machines[3].Capacity = 10001 }, `machines[3].capacity: 10001 is not within 1 to 10000`},
		{"capacity of a pooled machine", func(s *site.Site) { s.Machines[0].Capacity = 2 }, `machines[0].capacity: 2 sessions, but machines of pooled groups take one`},
		{"weight", func(s *site.Site) { s.Machines[3].Weight = -5 }, `machines[3].weight: -5 is not within 1 to 10000; maintenance: true is for no launches at all`},
		{"owner of a pooled machine", func(s *site.Site) { s.Machines[0].AssignedUser = "bob" }, `machines[0].assigned_user: group "pool" is pooled; only machines of assigned groups have an owner`},
		{"unknown owner", func(s *site.Site) { s.Machines[2].AssignedUser = "carol" }, `machines[2].assigned_user: user "carol" does not exist`},

		{"application twice", func(s *site.Site) { s.Applications = append(s.Applications, s.Applications[0]) }, `applications[1].name: "Mail" is the name of applications[0] already`},
		{"application in no group", func(s *site.Site) { s.Applications[0].Groups = nil }, `applications[0].groups: application "Mail" is on the machines of no group`},
		{"application in an unknown group", func(s *site.Site) { s.Applications[0].Groups[1] = "x" }, `applications[0].groups[1]: group "x" does not exist`},
		{"user twice, in another case", func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "Alice"}) }, `users[2].name: "Alice" is the name of users[0] already`},
		{"empty user group", func(s *site.Site) { s.Users[1].Groups = []string{""} }, `users[1].groups[0]: is empty`},

		{"entitled to an unknown desktop", func(s *site.Site) { s.Entitlements[0].Desktop = "x" }, `entitlements[0].desktop: group "x" does not exist`},
		{"entitled to a desktop that is not published", func(s *site.Site) { s.Entitlements[0].Desktop = "shared" }, `entitlements[0].desktop: group "shared" publishes no desktop`},
		{"entitled to an unknown application", func(s *site.Site) { s.Entitlements[2].Application = "x" }, `entitlements[2].application: application "x" does not exist`},
		{"entitled to nothing", func(s *site.Site) { s.Entitlements[0].Desktop = "" }, `entitlements[0]: names neither a desktop nor an application`},
		{"entitled to both", func(s *site.Site) { s.Entitlements[0].Application = "Mail" }, `entitlements[0]: names both a desktop and an application`},
		{"nobody entitled", func(s *site.Site) { s.Entitlements[0].User = "" }, `entitlements[0]: names neither a user nor a user_group`},
		{"user and group entitled", func(s *site.Site) { s.Entitlements[0].UserGroup = "staff" }, `entitlements[0]: names both a user and a user_group`},
		{"unknown user entitled", func(s *site.Site) { s.Entitlements[0].User = "carol" }, `entitlements[0].user: user "carol" does not exist`},
		{"entitlement twice", func(s *site.Site) { s.Entitlements[4] = site.Entitlement{User: "alice", Desktop: "own"} }, `entitlements[4]: says the same as entitlements[0]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := company()
			tt.change(s)
			var got []string
			for _, f := range s.Validate() {
				got = append(got, f.String())
			}
			if !cmp.Equal(got, []string{tt.want}) {
				t.Errorf("got faults\n%s\nwant only\n%s", strings.Join(got, "\n"), tt.want)
			}
		})
	}
}

// RAS-02: two connectors under majority are a valid zone: an administrator promotes.
func TestTwoConnectorsMayHaveAMajority(t *testing.T) {
	s := company()
	s.Zones[0].Settings.Policy = site.Majority
	if faults := s.Validate(); len(faults) > 0 {
		t.Errorf("got %v, want no fault", faults)
	}
}

func TestValidateReportsAllFaultsAtOnce(t *testing.T) {
	s := company()
	s.Machines[0].Group, s.Machines[1].Zone, s.Entitlements[0].User = "x", "y", "z"
	if got := s.Validate(); len(got) != 3 {
		t.Errorf("got %v, want 3 faults", got)
	}
	if got := new(site.Site).Validate(); len(got) != 3 {
		t.Errorf("an empty site: got %v, want 3 faults", got)
	}
}
