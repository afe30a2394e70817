package broker_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
)

// farm is a site with one group of multi-session hosts that all have room for a
// hundred, of the weights given.
func farm(balance site.Balance, weights ...int) *site.Site {
	s := &site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}},
		Groups:       []site.DeliveryGroup{{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm", Balance: balance}},
		Entitlements: []site.Entitlement{{UserGroup: "staff", Desktop: "farm"}},
	}
	for i, weight := range weights {
		s.Machines = append(s.Machines, site.Machine{
			Name: site.FQDN(fmt.Sprintf("h%d", i+1)), Group: "farm", Zone: "east", Capacity: 100, Weight: weight,
		})
	}
	return s
}

// launches starts sessions for users of their own and returns where they came.
func (b *bench) launches(t testing.TB, n int) string {
	t.Helper()
	var got []string
	for range n {
		b.seq++
		held, _ := b.launch(t, staff(fmt.Sprintf("u%d", b.seq), "desktop:farm", fmt.Sprintf("s%d", b.seq)))
		got = append(got, string(held.Machine))
	}
	return strings.Join(got, " ")
}

// VPN-01, VPN-04, PX-6: each policy does what docs/groups.md shows, here with the same
// hosts: h1 and h2 of weight 100, h3 of weight 200.
func TestPoliciesOfBalancing(t *testing.T) {
	for _, c := range []struct {
		balance site.Balance
		loads   map[site.FQDN]int
		want    string
	}{
		{site.LeastLoad, nil, "h1 h2 h3 h3 h1 h2 h3 h3"},
		{site.LeastLoad, map[site.FQDN]int{"h1": 1000, "h2": 300, "h3": 900}, "h2 h2 h3 h2 h3 h3 h2 h3"},
		{site.RoundRobin, map[site.FQDN]int{"h1": 9000}, "h1 h2 h3 h3 h1 h2 h3 h3"},
		{site.BreadthFirst, map[site.FQDN]int{"h1": 9000}, "h1 h2 h3 h3 h1 h2 h3 h3"},
		{site.DepthFirst, map[site.FQDN]int{"h3": 9000}, "h3 h3 h3 h3 h3 h3 h3 h3"},
	} {
		b := inOutage(farm(c.balance, 100, 100, 200))
		for _, name := range []string{"h1", "h2", "h3"} {
			r := b.registration(name)
			r.Capacity, r.Load = 100, c.loads[site.FQDN(name)]
			b.announce(t, r)
		}
		if got := b.launches(t, 8); got != c.want {
			t.Errorf("%s with loads %v: %s, want %s", c.balance, c.loads, got, c.want)
		}
	}
}

// VPN-04: by round-robin each host has its share of every cycle, whatever ends.
func TestShareOfTurnsIsTheWeight(t *testing.T) {
	b := inOutage(farm(site.RoundRobin, 100, 250, 50, 600))
	b.register(t, "h1", "h2", "h3", "h4")
	got := map[site.FQDN]int{}
	for i := range 2000 {
		held, err := b.Reserve(b.now, staff("bob", "desktop:farm", fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		got[held.Machine]++
		b.Release(b.now, held)
	}
	want := map[site.FQDN]int{"h1": 200, "h2": 500, "h3": 100, "h4": 1200}
	for name, n := range want {
		if d := got[name] - n; d < -1 || d > 1 {
			t.Errorf("turns %v, want %v", got, want)
			break
		}
	}
}

// By depth-first one host is filled after the other, the heaviest first.
func TestDepthFirstFillsOneHostAfterTheOther(t *testing.T) {
	s := farm(site.DepthFirst, 100, 200, 100)
	for i := range s.Machines {
		s.Machines[i].Capacity = 2
	}
	b := inOutage(s)
	b.register(t, "h1", "h2", "h3")
	if got, want := b.launches(t, 6), "h2 h2 h1 h1 h3 h3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Who registers late does not get all the launches that it missed.
func TestLateHostDoesNotCatchUp(t *testing.T) {
	b := inOutage(farm(site.RoundRobin, 100, 100, 100))
	b.register(t, "h1", "h2")
	b.launches(t, 20)
	b.register(t, "h3")
	if got, want := b.launches(t, 6), "h3 h1 h2 h3 h1 h2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// ADC-01: in a stateless group the choice follows from what hosts report alone, so that
// two connectors with different pasts choose the same.
func TestStatelessPlacementIsDeterministic(t *testing.T) {
	for _, balance := range []site.Balance{site.LeastLoad, site.BreadthFirst, site.DepthFirst} {
		s := farm(balance, 100, 100, 100)
		s.Groups[0].Failover = site.Stateless
		old, fresh := inOutage(s), inOutage(s)
		old.register(t, "h1", "h2", "h3")
		for i := range 4 {
			held, err := old.Reserve(old.now, staff("bob", "desktop:farm", fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			old.Release(old.now, held)
		}
		fresh.register(t, "h3", "h2", "h1")
		if a, b := old.launches(t, 7), fresh.launches(t, 7); a != b {
			t.Errorf("%s: the old one chose %s, the new one %s", balance, a, b)
		}
	}
}

// The site may change a policy at any time.
func TestPolicyChanges(t *testing.T) {
	s := farm(site.LeastLoad, 100, 100, 100)
	b := inOutage(s)
	b.register(t, "h1", "h2", "h3")
	b.launches(t, 3)
	next := farm(site.DepthFirst, 100, 100, 100)
	b.SetIndex(site.NewIndex(next))
	if got, want := b.launches(t, 3), "h1 h1 h1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	gone := farm(site.RoundRobin, 100, 100)
	b.SetIndex(site.NewIndex(gone))
	wantKinds(t, b.Expire(b.now), broker.Dropped)
	if got := b.launches(t, 2); strings.Contains(got, "h3") {
		t.Errorf("got %s, of which h3 is gone", got)
	}
}

// dumb chooses by looking at every host.
type dumb struct {
	balance site.Balance
	hosts   map[site.FQDN]*dumbHost
	clock   uint64
	turns   int
}

type dumbHost struct {
	weight, limit, load, atLoad int
	sessions                    []broker.Reservation
	turn                        int
	pass                        uint64
	in                          bool
}

// settle notes who entered the pool.
func (d *dumb) settle() {
	for _, h := range d.hosts {
		in := len(h.sessions) < h.limit && h.load < 10000
		if in && !h.in {
			h.pass = max(h.pass, d.clock)
		}
		h.in = in
	}
}

func (d *dumb) next() site.FQDN {
	var first site.FQDN
	for _, name := range slices.Sorted(maps.Keys(d.hosts)) {
		if h := d.hosts[name]; h.in && (first == "" || d.compare(h, d.hosts[first]) < 0) {
			first = name
		}
	}
	return first
}

func (d *dumb) compare(a, b *dumbHost) int {
	turns := cmp.Compare(a.turn, b.turn)
	switch d.balance {
	case site.RoundRobin:
		return cmp.Or(cmp.Compare(a.pass, b.pass), turns)
	case site.BreadthFirst:
		return cmp.Or(cmp.Compare(float64(len(a.sessions))/float64(a.weight), float64(len(b.sessions))/float64(b.weight)), turns)
	case site.DepthFirst:
		return cmp.Or(-cmp.Compare(len(a.sessions), len(b.sessions)), -cmp.Compare(a.weight, b.weight))
	}
	return cmp.Or(cmp.Compare(a.index(), b.index()), turns)
}

func (h *dumbHost) index() int {
	share, since := len(h.sessions)*10000/h.limit, max(0, len(h.sessions)-h.atLoad)*10000/h.limit
	return max(share, h.load+since) * 100 / h.weight
}

func (d *dumb) chose(name site.FQDN, held broker.Reservation) {
	h := d.hosts[name]
	d.turns++
	h.turn, d.clock = d.turns, max(d.clock, h.pass)
	h.pass += (1 << 32) / uint64(h.weight)
	h.sessions = append(h.sessions, held)
}

// VPN-01, VPN-04: by every policy, and whatever happens in between, the engine chooses
// the very host that a look at all of them finds.
func TestBalancingAgainstTheDumbModel(t *testing.T) {
	for _, balance := range site.Balances() {
		t.Run(string(balance), func(t *testing.T) { rapid.Check(t, func(t *rapid.T) { balanceOnce(t, balance) }) })
	}
}

func balanceOnce(t *rapid.T, balance site.Balance) {
	weights := rapid.SliceOfN(rapid.SampledFrom([]int{50, 100, 100, 130, 400}), 1, 6).Draw(t, "weights")
	s := farm(balance, weights...)
	d := &dumb{balance: balance, hosts: map[site.FQDN]*dumbHost{}}
	for i := range s.Machines {
		s.Machines[i].Capacity = rapid.IntRange(1, 4).Draw(t, "capacity")
	}
	b := inOutage(s)
	name := func(t *rapid.T) site.Machine { return rapid.SampledFrom(s.Machines).Draw(t, "host") }
	t.Repeat(map[string]func(*rapid.T){
		"register": func(t *rapid.T) {
			m := name(t)
			if d.hosts[m.Name] != nil {
				t.Skip()
			}
			h := &dumbHost{weight: m.Weight, limit: m.Capacity, load: rapid.IntRange(0, 10000).Draw(t, "load")}
			d.hosts[m.Name] = h
			b.announce(t, broker.Registration{Machine: m.Name, Zone: "east", Capacity: 50, Load: h.load})
		},
		"heartbeat": func(t *rapid.T) {
			m := name(t)
			h := d.hosts[m.Name]
			if h == nil {
				t.Skip()
			}
			h.load, h.atLoad = rapid.IntRange(0, 10000).Draw(t, "load"), len(h.sessions)
			if _, _, err := b.Heartbeat(b.now, "lease-"+string(m.Name), broker.Heartbeat{Load: h.load}); err != nil {
				t.Fatal(err)
			}
		},
		"launch": func(t *rapid.T) {
			want := d.next()
			b.seq++
			held, err := b.Reserve(b.now, staff(fmt.Sprintf("u%d", b.seq), "desktop:farm", fmt.Sprintf("s%d", b.seq)))
			if (err == nil) != (want != "") || err == nil && held.Machine != want {
				t.Fatalf("got %s, %v; want %s", held.Machine, err, want)
			}
			if err == nil {
				d.chose(want, held)
			}
		},
		"end": func(t *rapid.T) {
			m := name(t)
			if h := d.hosts[m.Name]; h != nil && len(h.sessions) > 0 {
				b.Release(b.now, h.sessions[0])
				h.sessions = h.sessions[1:]
			}
		},
		"": func(*rapid.T) { d.settle() },
	})
}
