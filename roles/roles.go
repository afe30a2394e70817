// Package roles decides who may do what on the admin API of a connector and of the
// reference cloud broker. It only decides: who somebody is, the callers find out, and
// what is asked for they say by an action and a target. The console and the cloud
// broker ask it for every request.
package roles

import (
	"fmt"
	"slices"
	"strings"
)

// Role is what an account may do within its limits.
type Role string

// The roles. There is none above Operator: accounts are lines of a file, and whoever
// may write that file needs no leave of the service.
const (
	Viewer   Role = "viewer"
	Operator Role = "operator"
)

// All lists the roles.
func All() []Role { return []Role{Viewer, Operator} }

// Scope limits an account. An empty list limits nothing; where both have names, both
// must hold.
type Scope struct {
	Groups []string `json:"groups,omitempty"` // delivery groups
	Zones  []string `json:"zones,omitempty"`
}

// Group reports whether a delivery group is within the limits.
func (s Scope) Group(name string) bool { return len(s.Groups) == 0 || slices.Contains(s.Groups, name) }

// Zone reports whether a zone is within the limits.
func (s Scope) Zone(name string) bool { return len(s.Zones) == 0 || slices.Contains(s.Zones, name) }

// Unlimited reports whether there are no limits.
func (s Scope) Unlimited() bool { return len(s.Groups)+len(s.Zones) == 0 }

// Who is somebody that asks, and where from.
type Who struct {
	Name string
	Role Role
	Scope
	From string
}

// Names of who has no account.
const (
	// Local can read the token in the service's data folder.
	Local = "local"
	// Unknown shows no token that is known.
	Unknown = "unknown"
)

// String says who somebody is, for people.
func (w Who) String() string {
	words := fmt.Sprintf("%s, %s", w.Name, w.Role)
	if len(w.Groups) > 0 {
		words += " for " + few("delivery group", w.Groups)
	}
	if len(w.Zones) > 0 {
		words += " in " + few("zone", w.Zones)
	}
	return words
}

// fewNames bounds the names in a sentence.
const fewNames = 5

func few(what string, names []string) string {
	if len(names) > 1 {
		what += "s"
	}
	rest := ""
	if more := len(names) - fewNames; more > 0 {
		names, rest = names[:fewNames], fmt.Sprintf(" and %d more", more)
	}
	return what + " " + strings.Join(names, ", ") + rest
}

// Action is what somebody wants to do.
type Action string

// The actions.
const (
	// Greet is to ask who one is.
	Greet Action = "greet"
	// See is to look at what can be cut to what the scope allows.
	See Action = "see"
	// SeeWhole is to look at what cannot be cut: it shows every group of the target.
	SeeWhole Action = "see-whole"
	// Change is to change the target.
	Change Action = "change"
	// ChangePart is to change of the target what is within the limits; what that is,
	// Merge decides.
	ChangePart Action = "change-part"
)

// Changes reports whether the action changes something.
func (a Action) Changes() bool { return a == Change || a == ChangePart }

// Target is what an action is about. A whole zone has no group, the whole site neither.
type Target struct {
	Zone  string
	Group string
}

// String names the target, for people.
func (t Target) String() string {
	switch {
	case t.Group != "" && t.Zone != "":
		return fmt.Sprintf("delivery group %s in zone %s", t.Group, t.Zone)
	case t.Group != "":
		return "delivery group " + t.Group
	case t.Zone != "":
		return "the whole zone " + t.Zone
	}
	return "the whole site"
}

// within reports whether all of the target is within the limits.
func (s Scope) within(t Target) bool {
	group := len(s.Groups) == 0 || t.Group != "" && s.Group(t.Group)
	zone := len(s.Zones) == 0 || t.Zone != "" && s.Zone(t.Zone)
	return group && zone
}

// touches reports whether some of the target is within the limits.
func (s Scope) touches(t Target) bool {
	return (t.Group == "" || s.Group(t.Group)) && (t.Zone == "" || s.Zone(t.Zone))
}

// May decides whether somebody may do something, and says what is missing.
func May(w Who, a Action, t Target) (ok bool, reason string) {
	switch {
	case !slices.Contains(All(), w.Role):
		return false, fmt.Sprintf("you are %s: role %q is not known", w.Name, w.Role)
	case a == Greet:
		return true, w.String()
	case a == See && w.touches(t), a == SeeWhole && w.within(t):
		return true, w.String()
	case a == Change && w.Role == Operator && w.within(t), a == ChangePart && w.Role == Operator && w.touches(t):
		return true, w.String()
	}
	return false, fmt.Sprintf("you are %s: this needs %s", w, needed(w, a, t))
}

// needed says who may do it.
func needed(w Who, a Action, t Target) string {
	role := "a viewer or an operator"
	if a.Changes() {
		role = "an operator"
	}
	switch {
	case a == ChangePart && w.Role != Operator:
		return role
	case a == See, a == ChangePart:
		return fmt.Sprintf("%s whose limits include %s", role, t)
	case a == Change && w.Role != Operator && w.within(t):
		return role
	}
	return fmt.Sprintf("%s who is not limited to less than %s", role, t)
}
