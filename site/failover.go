package site

import (
	"fmt"
	"strings"
)

// Failover says what of a delivery group, or of STA tickets, a newly elected
// connector has from the one before it (ADC-01).
type Failover string

// The failover modes.
const (
	// Stateful: it has all that the one before it had.
	Stateful Failover = "stateful"
	// Stateless: it learns all from the next registrations and heartbeats.
	Stateless Failover = "stateless"
	// Disabled: it takes nothing over, users begin anew.
	Disabled Failover = "disabled"
)

// Failovers are all modes, the default first.
func Failovers() []Failover { return []Failover{Stateful, Stateless, Disabled} }

// FailoverMode is the group's mode, with the default filled in.
func (g DeliveryGroup) FailoverMode() Failover { return or(g.Failover, Stateful) }

// STAFailoverMode is the mode of STA tickets, with the default filled in.
func (s *Site) STAFailoverMode() Failover { return or(s.STAFailover, Stateful) }

// FailoverRule is one row of the matrix of what goes with which mode.
type FailoverRule struct {
	// What is what a group has, in the words of the documentation.
	What string
	// Refused says, by mode, why it does not go with that.
	Refused map[Failover]string

	has func(*Site, DeliveryGroup) bool
}

// FailoverRules is the matrix by which failover modes are judged, and from which
// their table in the documentation is made (ADC-05).
func FailoverRules() []FailoverRule {
	kind := func(k Kind) func(*Site, DeliveryGroup) bool {
		return func(_ *Site, g DeliveryGroup) bool { return g.Kind == k }
	}
	balance := func(b Balance) func(*Site, DeliveryGroup) bool {
		return func(_ *Site, g DeliveryGroup) bool { return g.Balancing() == b }
	}
	none := map[Failover]string{}
	return []FailoverRule{
		{"`kind: assigned`", none, kind(Assigned)},
		{"`kind: pooled`", none, kind(Pooled)},
		{"`kind: multi-session`", none, kind(MultiSession)},
		{"`balance: least-load`", none, balance(LeastLoad)},
		{"`balance: round-robin`", map[Failover]string{Stateless: "no desktop knows whose turn it is"}, balance(RoundRobin)},
		{"`balance: breadth-first`", none, balance(BreadthFirst)},
		{"`balance: depth-first`", none, balance(DepthFirst)},
		{
			"`dynamic: true`, of the group or of an application on it",
			map[Failover]string{Disabled: "the next connector would not know on which host it is, and would use a second one"},
			func(s *Site, g DeliveryGroup) bool { return g.Dynamic || s.dynamicOn(g.Name) },
		},
		{
			"`max_sessions` of the group or of the site",
			map[Failover]string{Disabled: "the next connector would not count the sessions that there are"},
			func(s *Site, g DeliveryGroup) bool { return g.MaxSessions > 0 || s.MaxSessions > 0 },
		},
	}
}

func (s *Site) dynamicOn(group string) bool {
	for _, a := range s.Applications {
		for _, name := range a.Groups {
			if a.Dynamic && name == group {
				return true
			}
		}
	}
	return false
}

// FailoverTable renders the matrix for the documentation.
func FailoverTable() string {
	var b strings.Builder
	b.WriteString("| of the group |")
	for _, mode := range Failovers() {
		fmt.Fprintf(&b, " `%s` |", mode)
	}
	b.WriteString("\n|---|---|---|---|\n")
	for _, rule := range FailoverRules() {
		fmt.Fprintf(&b, "| %s |", rule.What)
		for _, mode := range Failovers() {
			if why, refused := rule.Refused[mode]; refused {
				fmt.Fprintf(&b, " refused: %s |", why)
			} else {
				b.WriteString(" yes |")
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}
