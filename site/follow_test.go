package site_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"understudy/site"
)

// followed changes a site by positions: what goes is replaced by what is last.
type followed struct {
	*rand.Rand
	site    *site.Site
	touched map[string][]int
}

func follow(r *rand.Rand, from *site.Site) *followed {
	to := *from
	to.Machines, to.Users, to.Entitlements = slices.Clone(from.Machines), slices.Clone(from.Users), slices.Clone(from.Entitlements)
	return &followed{r, &to, map[string][]int{}}
}

func (f *followed) touch(list string, at int) { f.touched[list] = append(f.touched[list], at) }

// positions are those touched, in order, as far as there still are any.
func (f *followed) positions() map[string][]int {
	ends := map[string]int{"machines": len(f.site.Machines), "users": len(f.site.Users), "entitlements": len(f.site.Entitlements)}
	for list, at := range f.touched {
		slices.Sort(at)
		f.touched[list] = slices.DeleteFunc(slices.Compact(at), func(i int) bool { return i >= ends[list] })
	}
	return f.touched
}

func change[T any](f *followed, name string, list *[]T, made func() T) {
	at := f.IntN(max(len(*list), 1))
	how := f.IntN(3)
	if len(*list) == 0 {
		how = 0
	}
	switch how {
	case 0:
		at = len(*list)
		*list = append(*list, made())
	case 1:
		(*list)[at] = made()
	default:
		last := len(*list) - 1
		(*list)[at] = (*list)[last]
		*list = (*list)[:last]
	}
	f.touch(name, at)
}

func (f *followed) someUser() string {
	if f.IntN(8) == 0 {
		return "nobody"
	}
	name := f.site.Users[f.IntN(len(f.site.Users))].Name
	if f.IntN(3) == 0 {
		return strings.ToUpper(name)
	}
	return name
}

func (f *followed) machine() site.Machine {
	m := site.Machine{Name: site.FQDN(fmt.Sprintf("m%d.example.test", f.IntN(400))), Group: "office", Zone: "berlin", Weight: f.IntN(3)}
	switch f.IntN(6) {
	case 0:
		m.Group, m.AssignedUser = "workstations", f.someUser()
	case 1:
		m.Group, m.Capacity = "terminal", f.IntN(3)
	case 2:
		m = f.site.Machines[f.IntN(len(f.site.Machines))]
		m.Maintenance = !m.Maintenance
	}
	return m
}

func (f *followed) user() site.User {
	if f.IntN(3) == 0 {
		return site.User{Name: f.someUser(), Groups: []string{"Support"}}
	}
	return site.User{Name: fmt.Sprintf("u%d", f.IntN(400)), Groups: []string{"staff"}}
}

func (f *followed) entitlement() site.Entitlement {
	e := site.Entitlement{User: f.someUser(), Desktop: "office"}
	switch f.IntN(4) {
	case 0:
		e.Desktop, e.Application = "", "Mail"
	case 1:
		e.User, e.UserGroup = "", fmt.Sprintf("g%d", f.IntN(99))
	}
	return e
}

func (f *followed) once() {
	switch f.IntN(3) {
	case 0:
		change(f, "machines", &f.site.Machines, f.machine)
	case 1:
		change(f, "users", &f.site.Users, f.user)
	default:
		change(f, "entitlements", &f.site.Entitlements, f.entitlement)
	}
}

// NEW-06, NEW-05: an index that follows from the one before answers as one of the whole
// site does, that one answers as before, and a site that is not valid has none.
func TestFollow(t *testing.T) {
	followed, refused := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		now := site.Generate(40, 20, r.Uint64())
		x := site.NewIndex(now)
		for range 12 {
			before := answers(x, now)
			f := follow(r, now)
			for range 1 + r.IntN(4) {
				f.once()
			}
			next, ok := x.Follow(f.site, f.positions())
			if faults := f.site.Validate(); ok == (len(faults) > 0) {
				t.Fatalf("followed: %t, faults %v", ok, faults)
			}
			other := follow(r, now)
			other.once()
			_, _ = x.Follow(other.site, other.positions())
			if after := answers(x, now); after != before {
				t.Fatal("the index before it changed")
			}
			if !ok {
				refused++
				continue
			}
			followed++
			expectAnswers(t, next, site.NewIndex(f.site))
			now, x = f.site, next
		}
	})
	if followed < 100 || refused < 100 {
		t.Errorf("%d followed, %d were refused", followed, refused)
	}
}

// What everything may refer to is judged as a whole.
func TestFollowRefusesShortLists(t *testing.T) {
	x := site.NewIndex(company())
	for _, list := range []string{"zones", "connectors", "groups", "applications"} {
		if _, ok := x.Follow(company(), map[string][]int{list: nil}); ok {
			t.Errorf("a change of %s was followed", list)
		}
	}
	if _, ok := x.Follow(company(), nil); !ok {
		t.Error("no change was not followed")
	}
}

// Gaps that changes leave do not grow without end.
func TestFollowKeepsNoGaps(t *testing.T) {
	for name, do := range map[string]func(s *site.Site, n int){
		"other users": func(s *site.Site, n int) {
			s.Users[1].Name, s.Entitlements[4].User = fmt.Sprintf("bob%d", n), "alice"
		},
		"users with entitlements": func(s *site.Site, n int) {
			s.Users[1].Name = fmt.Sprintf("bob%d", n)
			s.Entitlements[4].User = s.Users[1].Name
		},
		"other entitlements": func(s *site.Site, n int) {
			e := &s.Entitlements[3]
			if e.Desktop, e.Application = "", "Mail"; n%2 == 0 {
				e.Desktop, e.Application = "pool", ""
			}
		},
	} {
		now := company()
		x := site.NewIndex(now)
		for n := range 5000 {
			next := *now
			next.Users, next.Entitlements = slices.Clone(now.Users), slices.Clone(now.Entitlements)
			do(&next, n)
			var entitlements []int
			for i := range next.Entitlements {
				if next.Entitlements[i] != now.Entitlements[i] {
					entitlements = append(entitlements, i)
				}
			}
			var ok bool
			if x, ok = x.Follow(&next, map[string][]int{"users": {1}, "entitlements": entitlements}); !ok {
				t.Fatal(name, n)
			}
			now = &next
		}
		if gaps := x.Gaps(); gaps > 2100 {
			t.Errorf("%s: %d gaps are left", name, gaps)
		}
		expectAnswers(t, x, site.NewIndex(now))
	}
}

// expectAnswers asks two indexes everything.
func expectAnswers(t rapid.TB, got, want *site.Index) {
	t.Helper()
	if a, b := answers(want, want.Site()), answers(got, want.Site()); a != b {
		t.Fatalf("answers (-want +got):\n%s", cmp.Diff(strings.Split(a, "\n"), strings.Split(b, "\n")))
	}
}

// answers are what an index says of everything in a site.
func answers(x *site.Index, s *site.Site) string {
	var b strings.Builder
	fmt.Fprintln(&b, x.Machines())
	for n := range int32(x.Machines()) {
		fmt.Fprintf(&b, "%d: %+v\n", n, *x.MachineAt(n))
	}
	for _, m := range s.Machines {
		n, known := x.Number(m.Name)
		fmt.Fprintln(&b, m.Name, n, known, x.AssignedMachines(m.AssignedUser, m.Group))
	}
	for _, g := range s.Groups {
		for _, zone := range append([]site.Zone{{}}, s.Zones...) {
			fmt.Fprintln(&b, g.Name, zone.Name, x.MachinesOf(g.Name, zone.Name))
		}
	}
	ids := func(of, user string, groups ...string) {
		fmt.Fprintf(&b, "%s:", of)
		for _, r := range x.Resources(user, groups) {
			fmt.Fprint(&b, " ", r.ID)
		}
		fmt.Fprintln(&b)
	}
	ids("nobody", "nobody")
	for _, u := range s.Users {
		ids(u.Name, u.Name, "guests")
	}
	for _, e := range s.Entitlements {
		ids(e.UserGroup, "nobody", e.UserGroup)
	}
	return b.String()
}
