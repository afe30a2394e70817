package site

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// LaunchFormat is a form in which a launch is answered.
type LaunchFormat string

// The forms of answers to launches.
const (
	LaunchJSON      LaunchFormat = "json"      // our own
	LaunchRDP       LaunchFormat = "rdp"       // a file that RDP clients open
	LaunchGuacamole LaunchFormat = "guacamole" // a token of encrypted JSON for Apache Guacamole
)

// LaunchFormats are all of them, in the order of what is preferred if nobody says
// otherwise.
func LaunchFormats() []LaunchFormat {
	return []LaunchFormat{LaunchJSON, LaunchRDP, LaunchGuacamole}
}

// Launch says how launches of a delivery group are answered.
type Launch struct {
	// Formats are those that its answers may have, the preferred one first; empty means
	// all.
	Formats []LaunchFormat `json:"formats,omitempty"`
	// RDP are lines of .rdp files, NAME:TYPE:VALUE, on top of ours or in their place.
	RDP []string `json:"rdp,omitempty"`
	// Guacamole are parameters of the connection, NAME=VALUE.
	Guacamole []string `json:"guacamole,omitempty"`
}

// IsZero reports whether nothing is said.
func (l Launch) IsZero() bool { return len(l.Formats)+len(l.RDP)+len(l.Guacamole) == 0 }

// Allowed are the formats, with the default filled in.
func (l Launch) Allowed() []LaunchFormat {
	if len(l.Formats) == 0 {
		return LaunchFormats()
	}
	return l.Formats
}

// Bounds of what a group may say of its launches.
const (
	maxLaunchLines = 64
	maxLaunchLine  = 1024
)

// rdpLine and guacamoleLine are the forms of what a group adds.
var (
	rdpLine       = regexp.MustCompile(`^([a-z0-9][a-z0-9 -]*):([sib]):(.*)$`)
	guacamoleLine = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)=(.*)$`)
)

// SplitRDP takes a line of an .rdp file apart: name, type and value.
func SplitRDP(line string) (name, kind, value string, ok bool) {
	m := rdpLine.FindStringSubmatch(line)
	if m == nil {
		return "", "", "", false
	}
	return m[1], m[2], m[3], true
}

// SplitGuacamole takes a parameter apart.
func SplitGuacamole(line string) (name, value string, ok bool) {
	m := guacamoleLine.FindStringSubmatch(line)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

// ours are the names that a launch fills in itself, or that no site is to hold: a
// site's file is no place for passwords.
var (
	oursInRDP       = []string{"full address", "alternate full address", "server port", "username", "password 51", "signscope", "signature"}
	oursInGuacamole = []string{"hostname", "port", "username", "password", "private-key", "passphrase", "gateway-password", "sftp-password"}
)

func (v *validator) checkLaunch(path place, l Launch) {
	seen := map[LaunchFormat]bool{}
	for i, f := range l.Formats {
		switch {
		case !slices.Contains(LaunchFormats(), f):
			v.fault(path.in(".launch.formats").item(i), "%q is not %s, %s or %s", f, LaunchJSON, LaunchRDP, LaunchGuacamole)
		case seen[f]:
			v.fault(path.in(".launch.formats").item(i), "%q is there twice", f)
		}
		seen[f] = true
	}
	v.checkLines(path.in(".launch.rdp"), l.RDP, rdpFault)
	v.checkLines(path.in(".launch.guacamole"), l.Guacamole, guacamoleFault)
}

// checkLines judges each line; fault also returns its name.
func (v *validator) checkLines(path place, lines []string, fault func(string) (name, why string)) {
	if len(lines) > maxLaunchLines {
		v.fault(path, "has %d lines, more than %d", len(lines), maxLaunchLines)
		return
	}
	seen := map[string]bool{}
	for i, line := range lines {
		name, why := fault(line)
		switch {
		case len(line) > maxLaunchLine:
			v.fault(path.item(i), "is longer than %d bytes", maxLaunchLine)
		case why != "":
			v.fault(path.item(i), "%s", why)
		case seen[name]:
			v.fault(path.item(i), "%q is there twice", name)
		}
		seen[name] = true
	}
}

func rdpFault(line string) (name, why string) {
	name, kind, value, ok := SplitRDP(line)
	switch {
	case !ok || control(line):
		return "", "is not NAME:TYPE:VALUE with a name in lower case and a type of s, i or b"
	case slices.Contains(oursInRDP, name):
		return name, quote(name) + " is not for the site to say"
	case kind == "i" && !whole(value):
		return name, quote(value) + " is not a whole number"
	}
	return name, ""
}

func guacamoleFault(line string) (name, why string) {
	name, _, ok := SplitGuacamole(line)
	switch {
	case !ok || control(line):
		return "", "is not NAME=VALUE with a name in lower case"
	case slices.Contains(oursInGuacamole, name):
		return name, quote(name) + " is not for the site to say"
	}
	return name, ""
}

func control(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func whole(text string) bool {
	_, err := strconv.ParseInt(text, 10, 32)
	return err == nil
}

// common are the formats that all the groups have, in the order of the first.
func (x *Index) common(groups []string) []LaunchFormat {
	var all []LaunchFormat
	for i, name := range groups {
		allowed := x.groups[name].Launch.Allowed()
		if i == 0 {
			all = slices.Clone(allowed)
		}
		all = slices.DeleteFunc(all, func(f LaunchFormat) bool { return !slices.Contains(allowed, f) })
	}
	return all
}

// checkFormats wants groups of one application to have a format in common: which of
// them a launch gets is known only when it is too late to refuse it.
func (v *validator) checkFormats(path place, a Application) {
	left := LaunchFormats()
	for _, name := range a.Groups {
		at, known := v.groups[name]
		if !known {
			return
		}
		allowed := v.site.Groups[at].Launch.Allowed()
		if slices.ContainsFunc(allowed, func(f LaunchFormat) bool { return !slices.Contains(LaunchFormats(), f) }) {
			return // that is what is wrong
		}
		left = slices.DeleteFunc(left, func(f LaunchFormat) bool { return !slices.Contains(allowed, f) })
	}
	if len(left) == 0 {
		v.fault(path.in(".groups"), "the groups have no launch format in common")
	}
}
