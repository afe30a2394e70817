package site

import "fmt"

// Counts are how many objects a site has of the kinds without which nobody can work.
type Counts struct {
	Machines   int `json:"machines"`
	Groups     int `json:"groups"`
	Connectors int `json:"connectors"`
}

// Counts counts the site's objects.
func (s *Site) Counts() Counts {
	return Counts{Machines: len(s.Machines), Groups: len(s.Groups), Connectors: len(s.Connectors)}
}

// Suspicious says why a site that follows one with other counts should not be used
// before somebody has looked at it: it loses more than half of something (NEW-05). It
// is empty for an ordinary one.
func (c Counts) Suspicious(before Counts) string {
	for _, kind := range []struct {
		name      string
		was, left int
	}{
		{"machines", before.Machines, c.Machines},
		{"groups", before.Groups, c.Groups},
		{"connectors", before.Connectors, c.Connectors},
	} {
		if 2*kind.left < kind.was {
			return fmt.Sprintf("it has %d of %d %s", kind.left, kind.was, kind.name)
		}
	}
	return ""
}
