package site

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// generator makes up a company. Each of its choices comes from the seed.
type generator struct {
	rand  *rand.Rand
	site  *Site
	zones []string
}

// generatedGroups are the delivery groups of a generated site; share is how many
// of ten machines are in each.
var generatedGroups = []struct {
	DeliveryGroup
	prefix string
	share  int
}{
	{DeliveryGroup{Name: "workstations", Kind: Assigned, Desktop: "My Workstation"}, "ws", 4},
	{DeliveryGroup{Name: "office", Kind: Pooled, Desktop: "Office Desktop"}, "office", 4},
	{DeliveryGroup{Name: "terminal", Kind: MultiSession, Desktop: "Shared Desktop"}, "ts", 2},
}

var (
	generatedZones       = []string{"berlin", "lyon"}
	generatedDepartments = []string{"sales", "engineering", "finance", "support"}
	firstNames           = []string{"ada", "bruno", "chen", "dina", "emil", "farid", "grace", "hugo", "ines", "jonas", "kaori", "lena", "marek", "nora", "omar", "petra", "rosa", "sven", "tariq", "vera"}
	lastNames            = []string{"adler", "bakker", "costa", "dubois", "eriksen", "fischer", "garcia", "haas", "ivanov", "jensen", "keller", "lopez", "moreau", "novak", "olsen", "peters", "rossi", "schmidt", "tanaka", "weber"}
)

// Generate makes up a valid site of the given size: two zones of three
// connectors, machines of every kind, users and their entitlements. The same
// arguments always give the same site.
func Generate(machines, users int, seed uint64) *Site {
	g := &generator{
		rand:  rand.New(rand.NewPCG(seed, 0x756e646572737464)),
		site:  &Site{Name: "example"},
		zones: generatedZones,
	}
	g.addZones()
	g.addGroups()
	g.addUsers(users)
	g.addMachines(machines)
	g.addEntitlements()
	return g.site
}

func (g *generator) addZones() {
	for _, zone := range g.zones {
		g.site.Zones = append(g.site.Zones, Zone{Name: zone})
		for n := range 3 {
			host := fmt.Sprintf("cc%02d.%s.example.test", n+1, zone)
			g.site.Connectors = append(g.site.Connectors, Connector{
				FQDN: FQDN(host), Zone: zone,
				ClientURL: "https://" + host + ":7480", PeerURL: "https://" + host + ":7489",
			})
		}
	}
}

func (g *generator) addGroups() {
	for _, group := range generatedGroups {
		group.Zones = slices.Clone(g.zones)
		g.site.Groups = append(g.site.Groups, group.DeliveryGroup)
	}
	for _, name := range []string{"Calculator", "Ledger", "Mail", "Planner"} {
		g.site.Applications = append(g.site.Applications, Application{
			Name: name, Groups: []string{"terminal"}, Command: `C:\Apps\` + name + ".exe",
		})
	}
}

func (g *generator) addUsers(n int) {
	g.site.Users = make([]User, 0, n)
	for i := range n {
		department := generatedDepartments[g.rand.IntN(len(generatedDepartments))]
		g.site.Users = append(g.site.Users, User{Name: generatedUser(i), Groups: []string{"staff", department}})
	}
}

func generatedUser(i int) string {
	first, last := firstNames[i%len(firstNames)], lastNames[i/len(firstNames)%len(lastNames)]
	if n := i / (len(firstNames) * len(lastNames)); n > 0 {
		return fmt.Sprintf("%s.%s%d", first, last, n+1)
	}
	return first + "." + last
}

func (g *generator) addMachines(n int) {
	g.site.Machines = make([]Machine, 0, n)
	owners := g.rand.Perm(len(g.site.Users))
	for i := range n {
		group := generatedGroups[groupOf(i)]
		zone := g.zones[g.rand.IntN(len(g.zones))]
		m := Machine{
			Name:  FQDN(fmt.Sprintf("%s%06d.%s.example.test", group.prefix, i+1, zone)),
			Group: group.Name, Zone: zone,
		}
		if group.Kind == Assigned && len(owners) > 0 {
			owner := &g.site.Users[owners[0]]
			owners = owners[1:]
			owner.Groups = append(owner.Groups, "workstation-owners")
			m.AssignedUser = owner.Name
		}
		g.site.Machines = append(g.site.Machines, m)
	}
}

// groupOf deals the machines out by the shares of the groups.
func groupOf(i int) int {
	place := i * 3 % 10 // 3 and 10 have no common factor: every kind comes early
	for n, group := range generatedGroups {
		if place -= group.share; place < 0 {
			return n
		}
	}
	return 0
}

func (g *generator) addEntitlements() {
	g.site.Entitlements = []Entitlement{
		{UserGroup: "staff", Desktop: "office"},
		{UserGroup: "support", Desktop: "terminal"},
		{UserGroup: "workstation-owners", Desktop: "workstations"},
		{UserGroup: "staff", Application: "Mail"},
		{UserGroup: "staff", Application: "Calculator"},
		{UserGroup: "finance", Application: "Ledger"},
	}
	for i := 0; i < len(g.site.Users); i += 50 {
		g.site.Entitlements = append(g.site.Entitlements, Entitlement{User: g.site.Users[i].Name, Application: "Planner"})
	}
}
