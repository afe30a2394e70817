package election

import (
	"fmt"
	"slices"
	"time"

	"understudy/site"
)

// byMajority elects whom more than half of the zone's active connectors name
// (RAS-01); this connector counts itself elected only while their words, each no
// older than a deadline, say so.
//
// A word is a lease. It counts until one deadline after the named one sent the
// heartbeat that the word echoes, on the named one's own clock, less what two clocks
// may drift apart; who spoke it names nobody else for one deadline after it received
// that heartbeat, which is later. So no two words of one connector for different ones
// count at the same time, and no two connectors have a majority.
func (v View) byMajority(now time.Time) Result {
	running := v.heard()
	r := v.choose(now, running)
	choice := r.Elected
	r.Vote, r.Needed = v.ballot(now, choice), v.needed()
	until, quorum := v.quorum(now, r.Vote)
	r.Quorum = quorum && choice == v.Self
	switch named, votes := v.count(running, r.Vote); {
	case r.Quorum:
		r.Until, r.Votes = until, v.leases(now, r.Vote)
	case named != "" && named != v.Self:
		r.Reason, r.Elected, r.Votes = v.told(choice, named, votes, r.Reason), named, votes
		r.Successor = ""
	case v.Promoted && v.Own.candidate():
		r.Elected, r.Successor, r.Until = v.Self, "", now.Add(v.Deadline)
		r.Reason = fmt.Sprintf("an operator promoted %s: no majority is present", v.Self)
		r.Votes = v.leases(now, r.Vote)
	case v.promoted(running) != "":
		r.Elected, r.Successor, r.Votes = v.promoted(running), "", votes
		r.Reason = fmt.Sprintf("an operator promoted %s: no majority is present", r.Elected)
	default:
		r.Elected, r.Successor, r.Votes = "", "", votes
		r.Reason = v.noQuorum(choice, v.naming(running, r.Vote)[choice], r.Needed, r.Reason)
	}
	return r
}

// promoted is another connector that an operator lets serve without a majority, if this
// one hears it: what it has is mirrored, and who asks for it is told its name.
func (v View) promoted(running map[site.FQDN]Word) site.FQDN {
	by := v.Record.Writer
	if w, ok := running[by]; ok && v.Record.Promotion != nil && by != v.Self && w.candidate() {
		return by
	}
	return ""
}

// told is why another connector is elected.
func (v View) told(choice, named site.FQDN, votes int, reason string) string {
	if choice == named {
		return reason
	}
	return fmt.Sprintf("%d of %d active connectors name %s", votes, v.actives(), named)
}

func (v View) noQuorum(choice site.FQDN, votes, needed int, reason string) string {
	if choice == "" {
		return "no_quorum: " + reason
	}
	return fmt.Sprintf("no_quorum: %d of %d active connectors name %s, %d must", votes, v.actives(), choice, needed)
}

// ballot: one at a time. Another is named only when the earlier word no longer
// counts.
func (v View) ballot(now time.Time, choice site.FQDN) site.FQDN {
	if choice == v.Ballot.Name || !now.Before(v.Ballot.Bound) {
		return choice
	}
	return ""
}

func (v View) actives() int {
	n := 0
	for _, name := range v.Zone {
		if !v.standby(name) {
			n++
		}
	}
	return n
}

func (v View) needed() int { return v.actives()/2 + 1 }

// expiries are until when the words that name this connector count, the latest
// first.
func (v View) expiries(now time.Time, vote site.FQDN) []time.Time {
	var out []time.Time
	if vote == v.Self && !v.standby(v.Self) {
		out = append(out, now.Add(v.Deadline))
	}
	for _, name := range v.Zone {
		if until, ok := v.Leases[name]; ok && name != v.Self && !v.standby(name) && until.After(now) {
			out = append(out, until)
		}
	}
	slices.SortFunc(out, func(a, b time.Time) int { return b.Compare(a) })
	return out
}

func (v View) leases(now time.Time, vote site.FQDN) int { return len(v.expiries(now, vote)) }

// quorum is until when a majority names this connector.
func (v View) quorum(now time.Time, vote site.FQDN) (time.Time, bool) {
	words := v.expiries(now, vote)
	if need := v.needed(); len(words) >= need {
		return words[need-1], true
	}
	return time.Time{}, false
}

// count is who is named most among whom I hear, if that is a majority; else how
// many name the one that is named most.
func (v View) count(running map[site.FQDN]Word, vote site.FQDN) (site.FQDN, int) {
	best := 0
	for named, n := range v.naming(running, vote) {
		if n >= v.needed() {
			return named, n
		}
		best = max(best, n)
	}
	return "", best
}

// naming is how many active connectors name each.
func (v View) naming(running map[site.FQDN]Word, vote site.FQDN) map[site.FQDN]int {
	votes := map[site.FQDN]int{}
	for name, w := range running {
		if name == v.Self {
			w.Vote = vote
		}
		if w.Vote != "" && !v.standby(name) {
			votes[w.Vote]++
		}
	}
	return votes
}

// electable reports whether a majority could name the connector: it hears so many,
// and as far as I know they hear it. Without that rule a zone could go on naming one
// whom it cannot elect.
func (v View) electable(name site.FQDN, running map[site.FQDN]Word) bool {
	if v.Policy != site.Majority {
		return true
	}
	reach := 1
	if v.standby(name) {
		reach = 0
	}
	for other := range running[name].Hears {
		w, known := running[other]
		_, back := w.Hears[name]
		if slices.Contains(v.Zone, other) && !v.standby(other) && (back || !known) {
			reach++
		}
	}
	return reach >= v.needed()
}

// Tolerates is how many more connectors may fail with the zone still able to serve;
// -1: it could not serve now.
func (v View) Tolerates() int {
	running := v.heard()
	candidates, voters := 0, 0
	for name, w := range running {
		if v.Policy == site.Majority && v.standby(name) {
			continue
		}
		voters++
		if w.CanServe && !w.Leaving {
			candidates++
		}
	}
	if v.Policy == site.Majority {
		candidates = min(candidates, voters-v.needed()+1)
	}
	return max(candidates, 0) - 1
}
