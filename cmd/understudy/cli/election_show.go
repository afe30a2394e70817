package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

func renderElection(s *screen, v electionView) {
	s.line(s.bold(string(v.Connector)) + "  zone " + v.Zone + ", " + s.state(v.State))
	r := newRows()
	electedRows(s, r, v.Connector, v.Election)
	policyRows(s, r, v.Election)
	r.add("Could serve", s.yes(v.Election.CanServe, v.Election.WhyNot))
	partRows(s, r, v.Election)
	s.line(r.writer.Render())
	votes := newRows("CONNECTOR", "LINK", "NAMES", "SAYS ELECTED", "CAN SERVE", "STANDBY", "DRAINING")
	for _, p := range v.Peers {
		votes.add(p.FQDN, link(s, p), orDash(p.Vote), orDash(p.Elected), s.yes(p.CanServe, ""), mark(p.Standby), mark(p.Draining))
	}
	s.list(votes, "", "There is no other connector.")
}

// electedRows say who has the office, since when and why.
func electedRows(s *screen, r *rows, self site.FQDN, e wire.ElectionStatus) {
	who := s.warn("nobody")
	if e.Elected != "" {
		who = s.bold(string(e.Elected))
	}
	if e.Elected == self {
		who += " (this one)"
	}
	r.add("Elected", who+"  "+s.since(e.Since))
	r.add("", e.Reason)
	if e.Successor != "" {
		r.add("", "hands over to "+string(e.Successor))
	}
}

// policyRows say by what rule, and how much may still fail.
func policyRows(s *screen, r *rows, e wire.ElectionStatus) {
	if e.Policy == "" {
		return
	}
	words := string(e.Policy)
	if e.Policy == site.Majority {
		words += fmt.Sprintf(", votes %d, needed %d", e.Votes, e.Needed)
	}
	left := tolerance(e)
	switch {
	case e.Tolerates < 0:
		left = s.bad(left)
	case e.Tolerates == 0:
		left = s.warn(left)
	}
	r.add("Policy", words+": "+left)
}

// tolerance says how many more connectors may fail.
func tolerance(e wire.ElectionStatus) string {
	switch {
	case e.Tolerates < 0 && e.Promotion != nil && e.Elected != "":
		return "the zone serves by the promotion only, it has no majority"
	case e.Tolerates < 0 && e.Policy == site.Majority:
		return "the zone could not serve now, it has no majority"
	case e.Tolerates < 0:
		return "the zone could not serve now"
	case e.Tolerates == 0:
		return "no further connector may fail"
	case e.Tolerates == 1:
		return "the zone can still serve after the failure of 1 more connector"
	}
	return fmt.Sprintf("the zone can still serve after the failure of %d more connectors", e.Tolerates)
}

func sentence(words string) string { return strings.ToUpper(words[:1]) + words[1:] + "." }

// partRows say what is unusual about this connector's part in the election.
func partRows(s *screen, r *rows, e wire.ElectionStatus) {
	if e.Vote != "" && e.Vote != e.Elected {
		r.add("Names", string(e.Vote))
	}
	if e.Standby {
		r.add("Standby", "this connector serves only when no active one can")
	}
	if e.Draining {
		r.add("Draining", s.warn("others serve as long as one can, until `understudy election undrain`"))
	}
	if e.Promotion != nil {
		r.add("Promoted", s.bad("the zone is served without a majority, "+promoted(s, *e.Promotion)))
	}
	for _, name := range slices.Sorted(maps.Keys(e.Waiting)) {
		r.add("Waiting", fmt.Sprintf("%s lost the office: it may take it over again when it has been present for %s more", name, age(e.Waiting[name].D())))
	}
}

func promoted(s *screen, p zone.Promotion) string {
	return strings.TrimSuffix(fmt.Sprintf("by %s, %s: %s", orDash(p.By), s.ago(p.At), p.Reason), ": ")
}

// dampingRow says what periods follow from the outages so far (LHC-19).
func dampingRow(r *rows, st wire.Status) {
	if st.Detection == 0 && st.Recovery == 0 {
		return
	}
	r.add("Damping", fmt.Sprintf("level %d: detection %s, recovery %s", st.Level, age(st.Detection.D()), age(st.Recovery.D())))
}
