package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"understudy/console/client"
	"understudy/wire"
	"understudy/zone"
)

func newStatusCommand(a *app) *cobra.Command {
	return newViewCommand(a, view[wire.Status]{
		use: "status", short: "Show one connector: its state and why, who is elected, what an outage would miss",
		fetch:  func(ctx context.Context, c *client.Client) (wire.Status, error) { return c.Status(ctx) },
		render: renderStatus,
	})
}

// renderStatus is one screen.
func renderStatus(s *screen, st wire.Status) {
	s.line(s.bold(string(st.Connector)) + fmt.Sprintf("  zone %s of site %s, version %s, up %s",
		st.Zone, st.Site, orDash(st.Version), age(st.At.Sub(st.Started))))
	r := newRows()
	stateRows(s, r, st)
	electionRows(s, r, st)
	sourceRows(s, r, st)
	certificateRows(s, r, st)
	unreadableRows(s, r, st)
	s.line(r.writer.Render())
	missing(s, st)
}

func stateRows(s *screen, r *rows, st wire.Status) {
	state := s.state(st.State)
	if st.Starting {
		state += s.warn(" (starting: serves nobody yet)")
	}
	r.add("State", state+"  "+s.since(st.Since))
	r.add("", st.Reason)
	if st.Outage != "" {
		r.add("Outage", fmt.Sprintf("%s, record %d, term %d", st.Outage, st.Number, st.Term))
	}
	if st.Force != nil {
		r.add("Forced", s.bad(forced(s, *st.Force)))
	}
	dampingRow(r, st)
}

// forced says who pinned the zone, when, and why if they said so.
func forced(s *screen, f zone.Force) string {
	return strings.TrimSuffix(fmt.Sprintf("by %s, %s: %s", orDash(f.By), s.ago(f.At), f.Reason), ": ")
}

func electionRows(s *screen, r *rows, st wire.Status) {
	e := st.Election
	electedRows(s, r, st.Connector, e)
	policyRows(s, r, e)
	partRows(s, r, e)
	serving := "no"
	if e.Serving {
		serving = s.good("yes")
	}
	r.add("Serves", serving+", could in an outage: "+s.yes(e.CanServe, e.WhyNot))
	holds := many(st.Registrations, "registration") + ", " + many(st.Sessions, "session")
	if !st.State.HA() && !st.Starting {
		holds += " (the cloud broker has them)"
	} else if !e.Serving && e.Elected != "" && e.Elected != st.Connector {
		holds += " (" + string(e.Elected) + " has them)"
	}
	r.add("Holds", holds)
	if st.PeakToday > 0 {
		r.add("", "at most "+many(st.PeakToday, "session")+" at a time in HA mode today (UTC)")
	}
	poolRows(s, r, st.Pools)
	mirrorRows(s, r, st.Mirror)
	callInRows(s, r, st)
	hookRows(s, r, st.Hooks)
	listenerRows(s, r, st.Listeners)
}

// listenerRows name the listeners at which somebody was turned away.
func listenerRows(s *screen, r *rows, all []wire.ListenerStatus) {
	for _, l := range all {
		if l.Closed+l.Refused+l.HeldBack > 0 {
			r.add("Listener", s.warn(fmt.Sprintf("%s: %d of %d connections, %d of them from %s; since the start %d idle ones closed, %d refused, %d secrets not looked at",
				l.Listener, l.Connections, l.Limit, l.OfLargest, orDash(l.Largest), l.Closed, l.Refused, l.HeldBack)))
		}
	}
}

// hookRows say how each hook went the last time.
func hookRows(s *screen, r *rows, hooks []wire.HookStatus) {
	for _, h := range hooks {
		word := s.good("well")
		if !h.OK {
			word = s.bad("failed")
		}
		r.add("Hook", fmt.Sprintf("%s %s, %s: %s", h.Hook, word, s.ago(h.At), h.Detail))
	}
}

// callInRows say whom this connector could call in, and how it went.
func callInRows(s *screen, r *rows, st wire.Status) {
	c := st.CallIn
	if !c.Enabled {
		r.add("Call-in", s.warn("off: after a change of who serves, desktops come with their next heartbeat"))
		return
	}
	known := many(c.Known, "desktop") + " can be called"
	if c.To == "" {
		r.add("Call-in", known)
		return
	}
	word := "called in to " + c.To
	if c.Running {
		word = "calls in to " + c.To
	}
	r.add("Call-in", fmt.Sprintf("%s; %s: %d of %d invited, %d came by themselves, %d answered, %d refused, %d not reached", known, word,
		c.Invited, c.Due, c.There, c.Answered, c.Refused, c.Unreachable))
	if c.Held > 0 {
		r.add("", s.warn(fmt.Sprintf("pauses for %s because the cloud broker asked for that", c.Held)))
	}
}

// poolRows say how long the pooled desktops will do: "pool A: 12 of 40 left, at this
// rate empty in 2h0m".
func poolRows(s *screen, r *rows, pools []wire.PoolStatus) {
	for _, p := range pools {
		words := fmt.Sprintf("pool %s: %d of %d left", p.Group, p.Left, p.Machines)
		if p.EmptyIn != nil && p.Left > 0 {
			words += ", at this rate empty in " + age(p.EmptyIn.D())
		}
		if p.Away > 0 {
			words += fmt.Sprintf(" (%d not registered)", p.Away)
		} else if p.Left == 0 {
			words = s.bad(words)
		}
		r.add("", words)
	}
}

// mirrorRows say how far the copy of the serving connector's state is.
func mirrorRows(s *screen, r *rows, m wire.MirrorStatus) {
	switch {
	case m.WhyNot != "":
		r.add("Mirror", s.warn("nothing comes from "+string(m.From)+": "+m.WhyNot))
	case m.From != "" && m.Whole:
		r.add("Mirror", fmt.Sprintf("the state of %s, up to change %d", m.From, m.Position))
	case m.From != "":
		r.add("Mirror", s.warn(fmt.Sprintf("catches up with %s, at change %d", m.From, m.Position)))
	}
	for _, p := range m.Peers {
		text := fmt.Sprintf("%s has all", p.FQDN)
		if p.Position < p.Head {
			text = s.warn(fmt.Sprintf("%s is %d changes behind, for %s", p.FQDN, p.Head-p.Position, p.Behind.D().Round(time.Millisecond)))
		}
		r.add("Mirror", text)
	}
}

func sourceRows(s *screen, r *rows, st wire.Status) {
	r.add("Cloud", health(s, st.Health))
	if st.Health.Reason != "" {
		r.add("", st.Health.Reason)
	}
	snapshot := s.bad("none")
	if st.Snapshot != nil {
		snapshot = version(st.Snapshot.Version, st.Snapshot.Age) + counts(st.Snapshot.Counts)
	}
	r.add("Snapshot", snapshot)
	r.add("Last sync", strings.TrimSuffix(orDash(st.Sync.Outcome)+", "+s.ago(st.Sync.At)+": "+st.Sync.Detail, ": "))
	if st.Sync.Waiting != "" {
		r.add("", s.warn("waits "+st.Sync.Waiting))
	}
	journalRow(s, r, st.Journal)
	gate := s.warn("closed")
	if st.Gate.Open {
		gate = s.good("open")
	}
	r.add("Gate", fmt.Sprintf("%s (%s): %s", gate, st.Gate.Mode, st.Gate.Reason))
	if len(st.SettingsDiffer) > 0 {
		r.add("Settings", s.warn("the site overrides the file's "+strings.Join(st.SettingsDiffer, ", ")))
	}
}

func health(s *screen, h wire.HealthStatus) string {
	if !h.Checked {
		return s.warn("not checked yet")
	}
	word := s.bad("unhealthy")
	if h.Healthy {
		word = s.good("healthy")
	}
	stream := "call stream " + s.warn("down")
	switch {
	case h.NoCallStream:
		stream = "no call stream"
	case h.CallStream:
		stream = "call stream up"
	}
	if h.Via != "" {
		word += s.warn(" through " + string(h.Via))
	}
	return fmt.Sprintf("%s, checked %s, %s", word, s.ago(h.At), stream)
}

func counts(by map[string]int) string {
	var text strings.Builder
	for _, kind := range []string{"zones", "connectors", "machines", "groups", "applications", "users"} {
		if n, ok := by[kind]; ok {
			if n == 1 {
				kind = strings.TrimSuffix(kind, "s")
			}
			fmt.Fprintf(&text, ", %d %s", n, kind)
		}
	}
	return text.String()
}

// certificateRows say of each certificate in use whose it is and when it ends.
func certificateRows(s *screen, r *rows, st wire.Status) {
	for i, c := range st.Certificates {
		text := fmt.Sprintf("%s of %s until %s, %d days left (%s)", c.Kind, strings.Join(c.Names, ", "), c.NotAfter.Format(time.DateOnly), max(0, c.DaysLeft), c.File)
		if c.Expires {
			text = s.warn(text)
		}
		r.add(map[bool]string{true: "Certificates"}[i == 0], text)
	}
}

// unreadableRows name the files that are not used as they are.
func unreadableRows(s *screen, r *rows, st wire.Status) {
	for _, f := range st.Unreadable {
		r.add("Not read", s.bad(fmt.Sprintf("since %s: %s; what was read before stays in use", f.Since.Format(time.RFC3339), f.Reason)))
	}
}

func missing(s *screen, st wire.Status) {
	now := st.State.HA()
	switch {
	case len(st.Missing) == 0 && now:
		s.line(s.good("In this outage nothing is missing."))
	case len(st.Missing) == 0:
		s.line(s.good("In an outage that began now nothing would be missing."))
	case now:
		s.line(s.warn("In this outage this is missing:"))
	default:
		s.line(s.warn("In an outage that began now this would be missing:"))
	}
	for _, m := range st.Missing {
		s.line("  - " + m)
	}
}
