package site

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxCapacity and MaxWeight bound what a machine may say.
const (
	MaxCapacity = 10000
	MaxWeight   = 10000
)

// maxName bounds names, which become part of resource ids and of log lines.
const maxName = 128

// place is where something is in a site; it becomes a text only where something is
// wrong.
type place struct {
	list  string
	i     int
	field string // begins with a dot, unless it is of the site itself
	at    int    // in a list that the object holds, counted from 1
}

// in is a field of the object.
func (p place) in(field string) place {
	p.field = field
	return p
}

// item is one of the list that the field is.
func (p place) item(i int) place {
	p.at = i + 1
	return p
}

func (p place) String() string {
	text := p.field
	if p.list != "" {
		text = item(p.list, p.i) + p.field
	}
	if p.at == 0 {
		return text
	}
	return item(text, p.at-1)
}

func item(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

func quote(s string) string { return strconv.Quote(s) }

// NameFault says what is wrong with the name of a user, or of anything else that is
// named in words; it is empty for a good one.
func NameFault(name string) string {
	switch {
	case name == "":
		return "is missing"
	case len(name) > maxName:
		return fmt.Sprintf("is longer than %d characters", maxName)
	case name != strings.TrimSpace(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Sprintf("%q begins or ends with a space, or holds a control character", name)
	}
	return ""
}

// checkName judges the name of the i-th object of a list, whose first object of
// that name is at first.
func (v *validator) checkName(path place, list, name string, i, first int) {
	path = path.in(".name")
	switch {
	case NameFault(name) != "":
		v.fault(path, "%s", NameFault(name))
	case first < i:
		v.repeat(path, "%q is the name of %s already", name, item(list, first))
	}
}

// checkHost judges the name of a connector or machine, which is number at of them all:
// hosts share one space of names.
func (v *validator) checkHost(path place, name FQDN, at int) {
	if name == "" {
		v.fault(path, "is missing")
		return
	}
	canonical, err := ParseFQDN(string(name))
	if err != nil {
		v.fault(path, "%v", err)
		return
	}
	if first, taken := v.hosts[canonical]; taken {
		v.repeat(path, "%q is the name of %s already", name, v.host(int(first)))
		return
	}
	v.hosts[canonical] = int32(at)
}

// host is the place of a host by its number.
func (v *validator) host(at int) place {
	if n := len(v.site.Connectors); at >= n {
		return place{list: "machines", i: at - n}
	}
	return place{list: "connectors", i: at}
}

// checkRefs judges a list of names; empty is the fault of an empty list, where it
// is one.
func (v *validator) checkRefs(path place, empty string, names []string, check func(path place, name string)) {
	if len(names) == 0 && empty != "" {
		v.fault(path, "%s", empty)
	}
	first := placesOf(names)
	for i, name := range names {
		if at := first(name); at < i {
			v.fault(path.item(i), "%q is in the list already, at %d", name, at)
			continue
		}
		check(path.item(i), name)
	}
}

// placesOf finds where in a list a name is first. Most lists are short.
func placesOf(names []string) func(string) int {
	const short = 16
	if len(names) <= short {
		return func(name string) int { return slices.Index(names, name) }
	}
	first := firstOf(names, func(name string) string { return name })
	return func(name string) int { return first[name] }
}

func (v *validator) checkZone(path place, name string) {
	if name == "" {
		v.fault(path, "is missing")
	} else if _, known := v.zones[name]; !known {
		v.fault(path, "zone %q does not exist", name)
	}
}

func (v *validator) checkGroup(path place, name string) bool {
	_, known := v.groups[name]
	if name == "" {
		v.fault(path, "is missing")
	} else if !known {
		v.fault(path, "group %q does not exist", name)
	}
	return known
}

func (v *validator) checkUser(path place, name string) {
	if name == v.known {
		return
	}
	if _, known := v.users[UserKey(name)]; !known {
		v.fault(path, "user %q does not exist", name)
		return
	}
	v.known = name
}

func (v *validator) checkEntitlements() {
	first := newGrants(v.site)
	for i := range v.site.Entitlements {
		path, e := place{list: "entitlements", i: i}, &v.site.Entitlements[i]
		v.checkWho(path, e)
		v.checkWhat(path, e)
		if at := first.add(*e, i); at < i {
			v.repeat(path, "says the same as %s", item("entitlements", at))
		}
	}
}

// checkWho does not ask that somebody is in the user group: front ends assert
// groups of a directory that the site does not know.
func (v *validator) checkWho(path place, e *Entitlement) {
	switch {
	case e.User == "" && e.UserGroup == "":
		v.fault(path, "names neither a user nor a user_group")
	case e.User != "" && e.UserGroup != "":
		v.fault(path, "names both a user and a user_group")
	case e.User != "":
		v.checkUser(path.in(".user"), e.User)
	}
}

func (v *validator) checkWhat(path place, e *Entitlement) {
	switch {
	case e.Desktop == "" && e.Application == "":
		v.fault(path, "names neither a desktop nor an application")
	case e.Desktop != "" && e.Application != "":
		v.fault(path, "names both a desktop and an application")
	case e.Desktop != "":
		if v.checkGroup(path.in(".desktop"), e.Desktop) && v.site.Groups[v.groups[e.Desktop]].Desktop == "" {
			v.fault(path.in(".desktop"), "group %q publishes no desktop", e.Desktop)
		}
	default:
		if _, known := v.applications[e.Application]; !known {
			v.fault(path.in(".application"), "application %q does not exist", e.Application)
		}
	}
}
