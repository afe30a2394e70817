package broker

import (
	"maps"
	"slices"
)

// tally counts the sessions at a time, reservations included, of one group or of the
// site, and the most that there were on the present day. Others get the peak too.
type tally struct {
	stamp
	group     string // empty: the whole site
	now, peak int
}

// counts are the tallies and the day of their peaks.
type counts struct {
	day     string
	site    *tally
	byGroup map[string]*tally
}

func newCounts() counts { return counts{site: &tally{}, byGroup: map[string]*tally{}} }

func (c *counts) of(group string) *tally {
	if group == "" {
		return c.site
	}
	t := c.byGroup[group]
	if t == nil {
		t = &tally{group: group}
		c.byGroup[group] = t
	}
	return t
}

// counted notes that there are so many sessions more in a group.
func (e *Engine) counted(group string, n int) {
	e.raise(e.counts.site, n)
	e.raise(e.counts.of(group), n)
}

func (e *Engine) raise(t *tally, n int) {
	t.now += n
	e.peaked(t, t.now)
}

func (e *Engine) peaked(t *tally, n int) {
	if n > t.peak {
		t.peak = n
		e.changes.note(t)
	}
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
	var before []Peak
	switch e.counts.day {
	case day:
	case "": // the first of all: what was counted is of this day
		e.counts.day = day
		e.changes.noteAll(e.counts.all())
	default:
		before = e.counts.peaks()
		e.begins(day)
	}
	return append(before, e.counts.peaks()...)
}

// begins is the first moment of another day: the sessions that there are go on.
func (e *Engine) begins(day string) {
	e.counts.day = day
	for _, t := range e.counts.all() {
		t.peak = t.now
	}
	e.changes.noteAll(e.counts.all())
}

// all are the tallies, the site's first.
func (c *counts) all() []*tally {
	list := []*tally{c.site}
	for _, group := range slices.Sorted(maps.Keys(c.byGroup)) {
		list = append(list, c.byGroup[group])
	}
	return list
}

func (c *counts) peaks() []Peak {
	var list []Peak
	for _, t := range c.all() {
		if t.peak > 0 {
			list = append(list, Peak{Day: c.day, Group: t.group, Sessions: t.peak})
		}
	}
	return list
}

// item is the peak: it goes to others in every failover mode, for it is no state of
// any session.
func (t *tally) item(e *Engine, _ instant, i *Item) bool {
	*i = Item{Kind: ItemPeak, Peak: &Peak{Day: e.counts.day, Group: t.group, Sessions: t.peak}}
	return e.counts.day != ""
}

// importPeak takes over a peak of the broker that serves: its word and its day count.
func (e *Engine) importPeak(p Peak) {
	if p.Day != e.counts.day {
		e.begins(p.Day)
	}
	t := e.counts.of(p.Group)
	t.peak = p.Sessions
	e.changes.note(t)
}

// Recall goes on from peaks that are known of the present day.
func (e *Engine) Recall(peaks []Peak) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range peaks {
		if p.Day == e.counts.day {
			e.peaked(e.counts.of(p.Group), p.Sessions)
		}
	}
}

// belowLimits returns those of the groups that may have one more session, or which
// limit there is none for (VPN-05).
func (e *Engine) belowLimits(groups []string) ([]string, error) {
	if limit, n := e.index.Site().MaxSessions, e.counts.site.now; limit > 0 && n >= limit {
		return nil, refuse(CodeSessionLimit, "the site has %d sessions and its max_sessions is %d", n, limit)
	}
	var below []string
	var full error
	for _, name := range groups {
		g, _ := e.index.Group(name)
		if n := e.counts.of(name).now; g.MaxSessions == 0 || n < g.MaxSessions {
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
