package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/agent"
	"understudy/site"
	"understudy/statemachine"
	"understudy/zone"
)

// move is a transition as a process told of it.
type move struct {
	at       time.Time
	who      site.FQDN
	from, to zone.State
	event    statemachine.Event
}

// moves is what the rules about transitions remember of each connector.
type moves struct {
	// well is since when a connector has been healthy, unwell since when it has not,
	// by its own account; lastWell and lastUnwell are when it last was.
	well, unwell, lastWell, lastUnwell map[site.FQDN]time.Time
	// entered is when it came into its state, closed when it last saw an outage close.
	entered, closed map[site.FQDN]time.Time
}

func newMoves() moves {
	n := func() map[site.FQDN]time.Time { return map[site.FQDN]time.Time{} }
	return moves{n(), n(), n(), n(), n(), n()}
}

// moved takes a transition in; it is looked at with what was known before it.
func (w *watch) moved(who string, fields logrus.Fields) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, move{
		at: time.Now(), who: site.FQDN(who), from: zone.State(text(fields["from"])), to: zone.State(text(fields["to"])),
		event: statemachine.Event(text(fields["trigger"])),
	})
}

// judgeMoves holds the transitions since the last look to what was before them,
// and then notes how everybody's health is now.
func (w *watch) judgeMoves(v *view) {
	w.mu.Lock()
	pending := w.pending
	w.pending = nil
	w.mu.Unlock()
	slices.SortStableFunc(pending, func(a, b move) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(string(a.who), string(b.who)))
	})
	for _, m := range pending {
		if m.from == "starting" {
			w.started(m)
		}
		w.judgeMove(m, v)
		w.moves.entered[m.who] = m.at
	}
	for _, c := range w.run.world.Connectors() {
		w.noteHealth(c.FQDN, v)
	}
}

func (w *watch) noteHealth(name site.FQDN, v *view) {
	o, up := v.connectors[name]
	was, before := w.last[name]
	if up && (!before || was.Record.Open() && !o.Record.Open()) {
		w.moves.closed[name] = v.now
	}
	note(w.moves.well, w.moves.lastWell, name, up && o.Checked && o.Healthy, v.now)
	note(w.moves.unwell, w.moves.lastUnwell, name, up && o.Checked && !o.Healthy, v.now)
}

func note(since, last map[site.FQDN]time.Time, name site.FQDN, is bool, now time.Time) {
	if !is {
		delete(since, name)
		return
	}
	last[name] = now
	if _, was := since[name]; !was {
		since[name] = now
	}
}

func (w *watch) judgeMove(m move, v *view) {
	switch m.event {
	case statemachine.Outage:
		w.outageBegan(m, v)
	case statemachine.PeriodHealthy, statemachine.PeriodUnhealthy:
		w.periodEnded(m, v)
	case statemachine.AllHealthy:
		w.nobodyUnwell(m, v, "recovery began")
	case statemachine.Recovered:
		w.recovered(m, v)
	default:
	}
}

// started (RAS-06, LHC-25): nobody can have heard a peer sooner than the network is
// fast.
func (w *watch) started(m move) {
	w.mu.Lock()
	at, known := w.asking[m.who]
	w.mu.Unlock()
	if took := m.at.Sub(at); known && took < 2*nearest && w.run.plan.Shape.Connectors > 1 {
		w.broken(ruleAsks, fmt.Sprintf("%s decided %s after its start, before a peer can have answered", m.who, took))
	}
}

// blur is how far apart two looks can be, with what delay there is between a fact
// and who decides by it.
const blur = 4 * watchEvery

// outageBegan (LHC-12, LHC-19).
func (w *watch) outageBegan(m move, v *view) {
	was, known := w.last[m.who]
	if !known {
		return
	}
	level := w.level(m, was)
	need := grown(w.settings().Detection.D(), w.settings().DetectionMax.D(), level)
	// A standby counts itself only once it is elected.
	if held := m.at.Sub(w.moves.lastWell[m.who]); held < need-blur && slices.Contains(was.Actives, m.who) {
		w.broken(ruleEntry, fmt.Sprintf("%s began an outage %s after it was healthy; detection is %s at level %d", m.who, held, need, level))
	}
	if peer := w.steadily(m, w.moves.well, true, v); peer != "" {
		w.broken(ruleEntry, fmt.Sprintf("%s began an outage while %s was healthy", m.who, peer))
	}
	if now := v.connectors[m.who].Record; now.Outage != was.Record.Outage && now.Writer == m.who && now.Level <= level && now.Open() {
		w.broken(ruleDamping, fmt.Sprintf("the outage that %s began has level %d after one of level %d", m.who, now.Level, level))
	}
}

// level is the damping level that a new outage finds; where that is about to lapse,
// none.
func (w *watch) level(m move, was agent.Observed) int {
	if m.at.Sub(w.moves.closed[m.who]) > w.settings().DetectionReset.D()-2*time.Second {
		return 0
	}
	return was.Record.Level
}

// grown is what operations.md promises: each further outage doubles a period, up to
// its maximum.
func grown(period, most time.Duration, level int) time.Duration {
	return min(period<<min(max(level, 0), 10), max(most, period))
}

// periodEnded (LHC-13).
func (w *watch) periodEnded(m move, v *view) {
	if in, ok := w.dwell(m); ok && in < w.settings().InitialHA.D() {
		w.broken(rulePeriods, fmt.Sprintf("%s left InitialHA after %s", m.who, in))
	}
	if m.event == statemachine.PeriodHealthy {
		w.nobodyUnwell(m, v, "recovery began")
	}
}

// recovered (LHC-15, LHC-19).
func (w *watch) recovered(m move, v *view) {
	was := w.last[m.who]
	need := grown(w.settings().Recovery.D(), w.settings().RecoveryMax.D(), was.Record.Level-1)
	if in, ok := w.dwell(m); ok && in < need {
		w.broken(rulePeriods, fmt.Sprintf("%s left PendingRecovery after %s; recovery is %s", m.who, in, need))
	}
	// A standby counted from when it was elected, and the others before.
	if held := m.at.Sub(w.moves.lastUnwell[m.who]); held < need-blur && slices.Contains(was.Actives, m.who) {
		w.broken(ruleRecovery, fmt.Sprintf("%s ended the outage %s after it was not healthy; recovery is %s", m.who, held, need))
	}
	w.nobodyUnwell(m, v, "the outage ended")
}

func (w *watch) dwell(m move) (time.Duration, bool) {
	at, known := w.moves.entered[m.who]
	return m.at.Sub(at), known
}

// nobodyUnwell: the zone recovers only while every present connector is healthy.
func (w *watch) nobodyUnwell(m move, v *view, what string) {
	if peer := w.steadily(m, w.moves.unwell, false, v); peer != "" {
		w.broken(ruleRecovery, fmt.Sprintf("%s at %s while %s was not healthy", what, m.who, peer))
	}
}

// steadily is an active connector that has been as since says for so long, and is
// still, in a steady zone and in contact with who moved, that this must know.
func (w *watch) steadily(m move, since map[site.FQDN]time.Time, healthy bool, v *view) site.FQDN {
	z := w.zoneOf(m.who)
	if !w.steady(z, v) || !w.zones[z].whole {
		return ""
	}
	for _, other := range w.zones[z].up {
		at, is := since[other]
		if o := v.connectors[other]; !o.Checked || o.Healthy != healthy {
			continue
		}
		if is && m.at.Sub(at) > w.slack() && slices.Contains(v.connectors[m.who].Actives, other) {
			return other
		}
	}
	return ""
}
