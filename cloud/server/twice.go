package server

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// stay is a session as the records of an outage tell of it. Times are those of the
// connectors' clocks: this is for people to look at, nothing is decided by it.
type stay struct {
	launch wire.OutageRecord
	ended  time.Time // zero: nobody has told
}

// ends are those of sessions of which the cloud broker heard itself: most sessions of an
// outage outlive it. It has forgotten those before since, if that is set.
type ends struct {
	of    map[string]time.Time
	since time.Time
}

// twice finds users who had two sessions of one group at the same time, given by
// two connectors: one of them alone would have led the user back to the first
// (LHC-37). Each pair is one finding, at the later launch.
func twice(records []wire.OutageRecord, heard ends) []wire.Finding {
	type place struct{ user, group string }
	by := map[place][]stay{}
	for _, s := range stays(records, heard) {
		key := place{site.UserKey(s.launch.User), s.launch.Group}
		by[key] = append(by[key], s)
	}
	var found []wire.Finding
	for _, list := range by {
		for i, later := range list {
			for _, earlier := range list[:i] {
				if earlier.overlaps(later) {
					found = append(found, twoSessions(earlier.launch, later.launch))
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b wire.Finding) int { return cmp.Compare(a.What, b.What) })
	return found
}

// stays are the sessions in order of their launch.
func stays(records []wire.OutageRecord, heard ends) []stay {
	ends, known := map[string]time.Time{}, map[string]bool{}
	maps.Copy(ends, heard.of)
	for _, r := range records {
		if broker.RecordKind(r.Kind) == broker.LoggedOff {
			ends[r.Session] = r.At
		}
	}
	var list []stay
	for _, r := range records {
		if broker.RecordKind(r.Kind) == broker.Launched && !known[r.Session] {
			known[r.Session] = true
			s := stay{launch: r, ended: ends[r.Session]}
			if s.ended.IsZero() && r.At.Before(heard.since) {
				s.ended = r.At
			}
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b stay) int {
		return cmp.Or(a.launch.At.Compare(b.launch.At), cmp.Compare(a.launch.Session, b.launch.Session))
	})
	return list
}

func (s stay) overlaps(later stay) bool {
	other := s.launch.Journal != later.launch.Journal && s.launch.Machine != later.launch.Machine
	return other && (s.ended.IsZero() || s.ended.After(later.launch.At))
}

func twoSessions(a, b wire.OutageRecord) wire.Finding {
	return wire.Finding{Kind: wire.FindingTwoSessions, Record: b, What: fmt.Sprintf(
		"%s had two sessions of %s at the same time: %s on %s, given by %s, and %s on %s, given by %s",
		b.User, b.Group, a.Session, a.Machine, a.Origin, b.Session, b.Machine, b.Origin)}
}
