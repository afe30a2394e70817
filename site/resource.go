package site

import (
	"slices"
	"strings"
	"sync/atomic"
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
	// Formats are those in which its launches may be answered, whichever of the groups
	// they get.
	Formats []LaunchFormat
}

// Memo keeps what an API makes of a resource, for as long as the site is this one.
type Memo struct {
	kept atomic.Uint32 // whether text is there
	text []byte
}

// The states of a memo.
const (
	unwritten = iota
	inWriting
	isWritten
)

// Text returns what is kept; the first time, what is made.
func (m *Memo) Text(made func() []byte) []byte {
	if m == nil {
		return made()
	}
	if m.kept.Load() == isWritten {
		return m.text
	}
	text := made()
	if m.kept.CompareAndSwap(unwritten, inWriting) {
		m.text = text
		m.kept.Store(isWritten)
	}
	return text
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
		Groups: []string{g.Name}, Zones: sortedUnique(g.Zones), Dynamic: g.Dynamic, Formats: g.Launch.Allowed(),
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
		Formats: x.common(sortedUnique(a.Groups)),
	}
}

func sortedUnique(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
