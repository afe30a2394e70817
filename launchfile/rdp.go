package launchfile

import (
	"fmt"
	"slices"
	"strings"

	"understudy/site"
)

// newline ends the lines of .rdp files.
const newline = "\r\n"

// setting is one line of an .rdp file.
type setting struct{ name, kind, value string }

func (s setting) String() string { return s.name + ":" + s.kind + ":" + s.value }

// rdp writes the file: our settings, with those of the group on top, and signed where
// there is a certificate.
func (m Maker) rdp(l Launch) ([]byte, error) {
	settings := rdpSettings(l)
	for _, s := range settings {
		if strings.ContainsFunc(s.value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("%s of the .rdp file holds a control character", s.name)
		}
	}
	if m.Signer == nil {
		return []byte(lines(settings)), nil
	}
	return m.Signer.signed(settings)
}

func rdpSettings(l Launch) []setting {
	settings := []setting{
		{"full address", "s", l.address()},
		{"username", "s", l.User},
		{"prompt for credentials", "i", "0"},
		// Not 0: the client says so when it cannot tell whom it has reached.
		{"authentication level", "i", "2"},
		{"negotiate security layer", "i", "1"},
		{"autoreconnection enabled", "i", "1"},
	}
	if l.Command != "" {
		settings = append(settings, setting{"alternate shell", "s", l.Command})
	}
	for _, line := range l.Group.RDP {
		name, kind, value, ok := site.SplitRDP(line)
		if !ok {
			continue // an older broker's site: this version takes none of that
		}
		settings = slices.DeleteFunc(settings, func(s setting) bool { return s.name == name })
		settings = append(settings, setting{name, kind, value})
	}
	return settings
}

func lines(settings []setting) string {
	var b strings.Builder
	for _, s := range settings {
		b.WriteString(s.String() + newline)
	}
	return b.String()
}
