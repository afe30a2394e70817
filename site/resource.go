package site

import (
	"cmp"
	"slices"
	"strings"
)

// The kinds of resources.
const (
	DesktopResource     = "desktop"
	ApplicationResource = "application"
)

// Resource is what a user may launch: the desktop of a delivery group, or an
// application.
type Resource struct {
	ID   string
	Name string
	// Kind is DesktopResource or ApplicationResource.
	Kind string
	// Groups are the delivery groups whose machines offer it, sorted.
	Groups []string
	// Zones are those of the groups, sorted.
	Zones []string
	// Command is what the desktop host starts; empty means the desktop.
	Command string
	// Dynamic says that the resource is on one host of each zone at a time (VPN-03).
	Dynamic bool
}

// DesktopID is the resource id of a delivery group's desktop.
func DesktopID(group string) string { return "desktop:" + group }

// ApplicationID is the resource id of an application.
func ApplicationID(name string) string { return "app:" + name }

// UserKey is the form in which names of users and user groups are compared.
func UserKey(name string) string { return strings.ToLower(name) }

func desktopResource(g DeliveryGroup) Resource {
	return Resource{
		ID: DesktopID(g.Name), Name: g.Desktop, Kind: DesktopResource,
		Groups: []string{g.Name}, Zones: sortedUnique(g.Zones), Dynamic: g.Dynamic,
	}
}

func (x *Index) applicationResource(a Application) Resource {
	var zones []string
	for _, name := range a.Groups {
		zones = append(zones, x.groups[name].Zones...)
	}
	return Resource{
		ID: ApplicationID(a.Name), Name: a.Name, Kind: ApplicationResource,
		Groups: sortedUnique(a.Groups), Zones: sortedUnique(zones), Command: a.Command, Dynamic: a.Dynamic,
	}
}

func (e Entitlement) resourceID() string {
	if e.Application != "" {
		return ApplicationID(e.Application)
	}
	return DesktopID(e.Desktop)
}

// Resource finds a resource by its id.
func (x *Index) Resource(id string) (Resource, bool) {
	r, ok := x.resources[id]
	return r, ok
}

// Resources lists what a user may launch, by name. The user groups of the site
// are added to those given.
func (x *Index) Resources(user string, groups []string) []Resource {
	found := map[string]Resource{}
	for _, ids := range x.entitlementsOf(user, groups) {
		for _, id := range ids {
			if r, ok := x.resources[id]; ok {
				found[id] = r
			}
		}
	}
	list := make([]Resource, 0, len(found))
	for _, r := range found {
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Entitled reports whether a user may launch the resource.
func (x *Index) Entitled(user string, groups []string, id string) bool {
	if _, ok := x.resources[id]; !ok {
		return false
	}
	return slices.ContainsFunc(x.entitlementsOf(user, groups), func(ids []string) bool {
		return slices.Contains(ids, id)
	})
}

// entitlementsOf gathers the lists of resource ids that apply to a user.
func (x *Index) entitlementsOf(user string, groups []string) [][]string {
	key := UserKey(user)
	lists := [][]string{x.ofUser[key]}
	for _, g := range groups {
		lists = append(lists, x.ofUserGroup[UserKey(g)])
	}
	for _, g := range x.users[key] {
		lists = append(lists, x.ofUserGroup[UserKey(g)])
	}
	return lists
}

func sortedUnique(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
