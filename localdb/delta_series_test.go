package localdb_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// shaker changes sites at random.
type shaker struct {
	*rand.Rand
	site *site.Site
	wild bool // what it makes may be not valid
}

// shaken is a copy of a site with up to so many things changed.
func shaken(r *rand.Rand, from *site.Site, most int, wild bool) *site.Site {
	to := *from
	to.Zones, to.Groups, to.Applications = slices.Clone(from.Zones), slices.Clone(from.Groups), slices.Clone(from.Applications)
	to.Machines, to.Users, to.Entitlements = slices.Clone(from.Machines), slices.Clone(from.Users), slices.Clone(from.Entitlements)
	s := &shaker{r, &to, wild}
	for range 1 + r.IntN(most) {
		s.once()
	}
	return &to
}

func (s *shaker) once() {
	tame := []func(){s.addMachine, s.addMachine, s.changeMachine, s.removeMachine, s.renameMachine, s.addUser, s.changeUser, s.addEntitlement, s.removeEntitlement, s.changeSite}
	if s.wild {
		tame = append(tame, s.removeUser, s.renameUser, s.spoilMachine, s.spoilEntitlement, s.removeGroup, s.changeGroup, s.removeApplication, s.changeApplication, s.removeZone)
	}
	tame[s.IntN(len(tame))]()
}

func (s *shaker) fresh(kind string) string { return fmt.Sprintf("%s%d", kind, s.Uint64()) }

// one is some object of a list.
func one[T any](s *shaker, list []T) *T { return &list[s.IntN(len(list))] }

func remove[T any](s *shaker, list *[]T) {
	if len(*list) > 1 {
		at := s.IntN(len(*list))
		*list = slices.Delete(*list, at, at+1)
	}
}

func (s *shaker) addMachine() {
	m := *one(s, s.site.Machines)
	m.Name = site.FQDN(s.fresh("new") + ".example.test")
	if m.AssignedUser = ""; m.Group == "workstations" && s.IntN(2) == 0 {
		m.AssignedUser = strings.ToUpper(one(s, s.site.Users).Name)
	}
	s.site.Machines = slices.Insert(s.site.Machines, s.IntN(len(s.site.Machines)+1), m)
}

func (s *shaker) changeMachine() {
	m := one(s, s.site.Machines)
	m.Maintenance, m.Weight = !m.Maintenance, s.IntN(9)*10
	m.Zone = one(s, s.site.Zones).Name
	if s.IntN(3) == 0 {
		m.Group, m.AssignedUser, m.Capacity = one(s, s.site.Machines).Group, "", 0
	}
}

func (s *shaker) removeMachine() { remove(s, &s.site.Machines) }

func (s *shaker) renameMachine() {
	one(s, s.site.Machines).Name = site.FQDN(s.fresh("renamed") + ".example.test")
}

func (s *shaker) addUser() {
	s.site.Users = append(s.site.Users, site.User{Name: s.fresh("user"), Groups: []string{"staff", s.fresh("group")}})
}

func (s *shaker) changeUser() {
	u := one(s, s.site.Users)
	u.Groups = append(slices.Clip(u.Groups), s.fresh("group"), "Finance")[s.IntN(2):]
}

func (s *shaker) removeUser() { remove(s, &s.site.Users) }
func (s *shaker) renameUser() { one(s, s.site.Users).Name = s.fresh("renamed") }

func (s *shaker) addEntitlement() {
	e := site.Entitlement{User: one(s, s.site.Users).Name, Desktop: "office"}
	switch s.IntN(4) {
	case 0:
		e.User = strings.ToUpper(e.User)
	case 1:
		e.Desktop, e.Application = "", "Mail"
	case 2:
		e.User, e.UserGroup = "", s.fresh("group")
	}
	if !slices.Contains(s.site.Entitlements, e) {
		s.site.Entitlements = append(s.site.Entitlements, e)
	}
}

func (s *shaker) removeEntitlement() { remove(s, &s.site.Entitlements) }

func (s *shaker) changeSite() {
	s.site.ReuseInOutage, s.site.MaxSessions = !s.site.ReuseInOutage, s.IntN(100)
}

func (s *shaker) spoilMachine() {
	m := one(s, s.site.Machines)
	switch s.IntN(4) {
	case 0:
		m.Zone = "nowhere"
	case 1:
		m.Capacity = -1
	case 2:
		m.AssignedUser = "nobody"
	default:
		taken := one(s, s.site.Connectors).FQDN
		if !slices.ContainsFunc(s.site.Machines, func(m site.Machine) bool { return m.Name == taken }) {
			m.Name = taken
		}
	}
}

func (s *shaker) spoilEntitlement() {
	e := one(s, s.site.Entitlements)
	e.User, e.UserGroup = s.fresh("nobody"), ""
}

func (s *shaker) removeGroup() { remove(s, &s.site.Groups) }
func (s *shaker) changeGroup() { one(s, s.site.Groups).Desktop = s.fresh("Desktop ") }

func (s *shaker) removeApplication() { remove(s, &s.site.Applications) }

func (s *shaker) changeApplication() {
	a := one(s, s.site.Applications)
	a.Command, a.Groups = s.fresh("c"), []string{one(s, s.site.Groups).Name}
}

func (s *shaker) removeZone() {
	if s.site.Zones = s.site.Zones[:1]; s.IntN(2) == 0 {
		s.site.Zones = append(s.site.Zones, site.Zone{Name: "lyon"})
	}
}

// NEW-06, NEW-05, LHC-02: however many deltas follow each other, with objects that come,
// go, change, are renamed or cannot be used, and restarts between, what is in use is what a
// connector has that imports the newest version whole: the same answers, digest, file and
// objects put aside.
func TestDeltasAreTheWhole(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 6
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 7))
		dir, now, first := t.TempDir(), site.Generate(40, 20, seed), version(1)
		s := start(t, dir, now)
		for n := range uint64(5) {
			next, v := shaken(r, now, 12, seed%3 == 0), version(n+2)
			if wire.Digest(next) == wire.Digest(now) {
				continue
			}
			b, err := s.BuildDelta(t.Context(), deltaOf(t, now, next, first, v), "test")
			if err == nil {
				err = s.Swap(b)
			}
			if err != nil {
				t.Fatalf("seed %d, version %s: %v", seed, v, err)
			}
			now, first = next, v
			if r.IntN(4) == 0 {
				shut(t, s)
				s, _ = open(t, dir)
			}
			expectWhole(t, s, dir, now, v)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		shut(t, s)
	}
}

// expectWhole compares what is in use with an import of the site.
func expectWhole(t *testing.T, s *localdb.Snapshots, dir string, now *site.Site, v site.Version) {
	t.Helper()
	other, _ := open(t, t.TempDir())
	b, err := other.Build(t.Context(), reader(t, now, v), "test")
	if err == nil {
		err = other.Swap(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	want, _ := other.Current()
	defer want.Release()
	got, _ := s.Current()
	defer got.Release()
	if got.Version != v || got.Digest != want.Digest || wire.Digest(got.Site()) != want.Digest {
		t.Errorf("version %s with digest %s, want %s with %s", got.Version, got.Digest, v, want.Digest)
	}
	if diff := gocmp.Diff(aside(want), aside(got)); diff != "" {
		t.Errorf("put aside (-want +got):\n%s", diff)
	}
	expectAnswers(t, got.Index, want.Index)
	expectFile(t, fileOf(t, dir, v), got)
}

// aside names what is not used. Reasons may name places.
func aside(s *localdb.Snapshot) []string {
	var list []string
	for _, q := range s.Quarantined {
		list = append(list, strings.ToLower(q.Kind+" "+q.Name))
	}
	slices.Sort(list)
	return list
}

// expectFile looks a file over, which must have the objects in their order.
func expectFile(t *testing.T, path string, s *localdb.Snapshot) {
	t.Helper()
	held, err := localdb.VerifyFile(t.Context(), path)
	if err != nil {
		t.Error(err)
	} else if diff := gocmp.Diff(s.Site(), held, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the file (-site +file):\n%s", diff)
	}
}

// expectAnswers asks two indexes everything.
func expectAnswers(t *testing.T, got, want *site.Index) {
	t.Helper()
	same := func(what string, got, want any) {
		t.Helper()
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	same("number of machines", got.Machines(), want.Machines())
	same("the site's own", [3]any{got.Site().Name, got.Site().ReuseInOutage, got.Site().MaxSessions}, [3]any{want.Site().Name, want.Site().ReuseInOutage, want.Site().MaxSessions})
	for n := range min(got.Machines(), want.Machines()) {
		m := *want.MachineAt(int32(n))
		same("machine by number", *got.MachineAt(int32(n)), m)
		byName, _ := got.Machine(m.Name)
		number, _ := got.Number(m.Name)
		same("machine by name", byName, m)
		same("number", number, int32(n))
		same("assigned", got.AssignedMachines(m.AssignedUser, m.Group), want.AssignedMachines(m.AssignedUser, m.Group))
	}
	for _, z := range append(want.Site().Zones, site.Zone{}) {
		known, _ := got.Zone(z.Name)
		wanted, _ := want.Zone(z.Name)
		same("zone", known, wanted)
		same("settings", got.Settings(z.Name), want.Settings(z.Name))
		same("connectors", got.Connectors(z.Name), want.Connectors(z.Name))
		for _, g := range want.Site().Groups {
			known, _ := got.Group(g.Name)
			same("group", known, g)
			same("machines of "+g.Name+" in "+z.Name, got.MachinesOf(g.Name, z.Name), want.MachinesOf(g.Name, z.Name))
		}
	}
	expectResources(t, got, want)
}

func expectResources(t *testing.T, got, want *site.Index) {
	t.Helper()
	names := func(list []*site.Resource) []site.Resource {
		var all []site.Resource
		for _, r := range list {
			all = append(all, site.Resource{ID: r.ID, Name: r.Name, Kind: r.Kind, Groups: r.Groups, Zones: r.Zones, Command: r.Command, Dynamic: r.Dynamic})
		}
		return all
	}
	asked := map[string]bool{"nobody": true}
	for _, s := range []*site.Site{got.Site(), want.Site()} {
		for _, u := range s.Users {
			asked[u.Name] = true
		}
		for _, e := range s.Entitlements {
			asked[cmp.Or(e.User, "nobody")] = true
		}
	}
	for user := range asked {
		for _, groups := range [][]string{nil, {"Finance", "staff", "support"}} {
			if diff := gocmp.Diff(names(want.Resources(user, groups)), names(got.Resources(user, groups))); diff != "" {
				t.Errorf("resources of %s in %v (-want +got):\n%s", user, groups, diff)
			}
		}
	}
	for _, e := range want.Site().Entitlements {
		if g := []string{e.UserGroup}; e.UserGroup != "" && len(got.Resources("nobody", g)) != len(want.Resources("nobody", g)) {
			t.Errorf("resources of the group %s differ", e.UserGroup)
		}
	}
}
