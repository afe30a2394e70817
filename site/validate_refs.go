package site

import (
	"fmt"
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
func (v *validator) checkName(path, list, name string, i, first int) {
	path += ".name"
	switch {
	case NameFault(name) != "":
		v.fault(path, "%s", NameFault(name))
	case first < i:
		v.repeat(path, "%q is the name of %s already", name, item(list, first))
	}
}

// checkHost judges the name of a connector or machine; all hosts share one space
// of names.
func (v *validator) checkHost(path string, name FQDN) {
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
		v.repeat(path, "%q is the name of %s already", name, first)
		return
	}
	v.hosts[canonical] = strings.TrimSuffix(strings.TrimSuffix(path, ".name"), ".fqdn")
}

// checkRefs judges a list of names; empty is the fault of an empty list, where it
// is one.
func (v *validator) checkRefs(path, empty string, names []string, check func(path, name string)) {
	if len(names) == 0 && empty != "" {
		v.fault(path, "%s", empty)
	}
	first := make(map[string]int, len(names))
	for i, name := range names {
		if at, seen := first[name]; seen {
			v.fault(item(path, i), "%q is in the list already, at %d", name, at)
			continue
		}
		first[name] = i
		check(item(path, i), name)
	}
}

func (v *validator) checkZone(path, name string) {
	if name == "" {
		v.fault(path, "is missing")
	} else if _, known := v.zones[name]; !known {
		v.fault(path, "zone %q does not exist", name)
	}
}

func (v *validator) checkGroup(path, name string) bool {
	_, known := v.groups[name]
	if name == "" {
		v.fault(path, "is missing")
	} else if !known {
		v.fault(path, "group %q does not exist", name)
	}
	return known
}

func (v *validator) checkUser(path, name string) {
	if _, known := v.users[UserKey(name)]; !known {
		v.fault(path, "user %q does not exist", name)
	}
}

func (v *validator) checkEntitlements() {
	first := make(map[Entitlement]int, len(v.site.Entitlements))
	for i, e := range v.site.Entitlements {
		path := item("entitlements", i)
		v.checkWho(path, e)
		v.checkWhat(path, e)
		key := e
		key.User, key.UserGroup = UserKey(e.User), UserKey(e.UserGroup)
		if at, seen := first[key]; seen {
			v.repeat(path, "says the same as %s", item("entitlements", at))
			continue
		}
		first[key] = i
	}
}

// checkWho does not ask that somebody is in the user group: front ends assert
// groups of a directory that the site does not know.
func (v *validator) checkWho(path string, e Entitlement) {
	switch {
	case e.User == "" && e.UserGroup == "":
		v.fault(path, "names neither a user nor a user_group")
	case e.User != "" && e.UserGroup != "":
		v.fault(path, "names both a user and a user_group")
	case e.User != "":
		v.checkUser(path+".user", e.User)
	}
}

func (v *validator) checkWhat(path string, e Entitlement) {
	switch {
	case e.Desktop == "" && e.Application == "":
		v.fault(path, "names neither a desktop nor an application")
	case e.Desktop != "" && e.Application != "":
		v.fault(path, "names both a desktop and an application")
	case e.Desktop != "":
		if v.checkGroup(path+".desktop", e.Desktop) && v.site.Groups[v.groups[e.Desktop]].Desktop == "" {
			v.fault(path+".desktop", "group %q publishes no desktop", e.Desktop)
		}
	default:
		if _, known := v.applications[e.Application]; !known {
			v.fault(path+".application", "application %q does not exist", e.Application)
		}
	}
}
