package broker

import (
	"maps"
	"slices"
)

// counts are the sessions at a time, reservations included, and the most that there
// were on the present day.
type counts struct {
	site  int
	group map[string]int

	day       string
	peak      int
	groupPeak map[string]int
}

func newCounts() counts { return counts{group: map[string]int{}, groupPeak: map[string]int{}} }

func (c *counts) add(group string, n int) {
	c.site += n
	c.group[group] += n
	c.peak = max(c.peak, c.site)
	c.groupPeak[group] = max(c.groupPeak[group], c.group[group])
}

// Peak is the highest number of sessions at a time on one day, of the site or of one
// group (VPN-05).
type Peak struct {
	Day      string `json:"day"`             // UTC, as 2006-01-02
	Group    string `json:"group,omitempty"` // empty: the whole site
	Sessions int    `json:"sessions"`
}

// Peaks returns the highest numbers of the day, the site's first. What was counted
// before the first call on a new day belongs to the day before, and is returned too.
func (e *Engine) Peaks(day string) []Peak {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := &e.counts
	if c.day == "" {
		c.day = day
	}
	list := c.peaks()
	if day == c.day {
		return list
	}
	c.day, c.peak, c.groupPeak = day, c.site, maps.Clone(c.group)
	return append(list, c.peaks()...)
}

func (c *counts) peaks() []Peak {
	list := []Peak{{Day: c.day, Sessions: c.peak}}
	for _, group := range slices.Sorted(maps.Keys(c.groupPeak)) {
		if n := c.groupPeak[group]; n > 0 {
			list = append(list, Peak{Day: c.day, Group: group, Sessions: n})
		}
	}
	return list
}

// belowLimits returns those of the groups that may have one more session, or which
// limit there is none for (VPN-05).
func (e *Engine) belowLimits(groups []string) ([]string, error) {
	if limit := e.index.Site().MaxSessions; limit > 0 && e.counts.site >= limit {
		return nil, refuse(CodeSessionLimit, "the site has %d sessions and its max_sessions is %d", e.counts.site, limit)
	}
	var below []string
	var full error
	for _, name := range groups {
		g, _ := e.index.Group(name)
		if n := e.counts.group[name]; g.MaxSessions == 0 || n < g.MaxSessions {
			below = append(below, name)
		} else if full == nil {
			full = refuse(CodeSessionLimit, "group %s has %d sessions and its max_sessions is %d", name, n, g.MaxSessions)
		}
	}
	if len(below) > 0 {
		full = nil
	}
	return below, full
}
