package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/site"
	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// The names of the rules, as ARCHITECTURE.md lists them.
const (
	ruleOneUser     = "one-user"
	ruleElected     = "elected-accepts"
	ruleOneServes   = "one-serves"
	ruleTransitions = "transitions"
	ruleSnapshots   = "snapshots"
	ruleDurable     = "durable"
	ruleSessions    = "sessions"
	ruleLeases      = "leases"
	ruleLiveness    = "liveness"
	ruleEntry       = "entry"
	rulePeriods     = "periods"
	ruleRecovery    = "recovery"
	ruleDamping     = "damping"
	ruleFirst       = "first-elected"
	ruleRefuses     = "others-refuse"
	ruleLeftovers   = "leftovers"
	ruleLists       = "lists"
	ruleOrders      = "orders"
	ruleStart       = "start"
	ruleAsks        = "asks-first"
	ruleStale       = "stale-refused"
	ruleServed      = "users-served"
	ruleAgree       = "agree"
	ruleCalm        = "calm-office"
	ruleHandback    = "hand-back"
)

// rule is one invariant: what is checked at each look, and what in the end. The
// transitions are checked as they are logged, liveness by the driver.
type rule struct {
	name   string
	says   string
	look   func(*watch, *view)
	finish func(*watch)
}

var rules = []rule{
	{ruleOneUser, "a single-session desktop never serves two users", (*watch).oneUser, nil},
	{ruleElected, "in HA mode only a connector that believes itself elected accepts", (*watch).electedAccepts, nil},
	{ruleOneServes, "a connected, quiet zone in HA mode has exactly one that serves; under majority a minority never serves, nor do two at one moment", (*watch).oneServes, nil},
	{ruleTransitions, "transitions are only those of the table, and each has a reason", nil, nil},
	{ruleSnapshots, "no snapshot is in use that the cloud broker did not publish, or a suspicious one that nobody has accepted, and none is swapped in HA mode", (*watch).snapshots, nil},
	{ruleDurable, "what was acknowledged as durable is there after any crash", (*watch).numbers, (*watch).journals},
	{ruleSessions, "no transition, takeover or restart of a broker ends a running session", (*watch).sessions, nil},
	{ruleLeases, "every desktop's lease is with one broker", (*watch).leases, nil},
	{ruleLiveness, "after the faults the zone is Normal with all desktops registered, or serving them if the cloud broker is away", nil, nil},
	{ruleEntry, "a zone enters HA mode only when no present active connector was healthy for the detection period, or by force", nil, nil},
	{rulePeriods, "InitialHA and PendingRecovery last their periods", nil, nil},
	{ruleRecovery, "recovery begins, and the outage ends, only while every present active connector is healthy, the latter for the whole period", nil, nil},
	{ruleDamping, "outages that follow one another raise the level by which the periods grow", nil, nil},
	{ruleFirst, "in a steady zone everybody takes the first by rank that can serve for elected", (*watch).firstElected, nil},
	{ruleRefuses, "in HA mode who does not serve refuses a StoreFront's request and names the elected one", (*watch).probes, nil},
	{ruleLeftovers, "in Normal nothing is left of the outage's registrations", (*watch).leftovers, nil},
	{ruleLists, "under majority the active connectors in use change one at a time", (*watch).lists, nil},
	{ruleOrders, "a force or clear that was answered stands while one connector at a time goes away", (*watch).ordersStand, nil},
	{ruleStart, "every process starts again with the folder that it had", nil, nil},
	{ruleAsks, "who starts, or wakes late, decides nothing before its peers have answered or the wait for them is over", nil, nil},
	{ruleStale, "a desktop refuses a prepare with another lease than its current one, or of a lower term than it has seen", (*watch).impostors, nil},
	{ruleServed, "in a zone that is well again a user gets a desktop", nil, nil},
	{ruleAgree, "in a steady zone all who hear of each other go by the same zone record", (*watch).agree, nil},
	{ruleCalm, "in a steady zone nobody takes the office from the first by rank that can serve", (*watch).calm, nil},
	{ruleHandback, "every durable record is with the cloud broker once in the end, forgotten only when both kept snapshots contain it, and becomes no live session; assignments are the site's or reported", (*watch).handBack, (*watch).handedBack},
	{ruleMirror, "who takes over in an outage knows the leases of the one before it, if it could mirror that one", (*watch).takeovers, nil},
	{ruleCopies, "in a steady zone in HA mode what the peers have mirrored is what the one that serves has", (*watch).copies, nil},
	{ruleCallIn, "a desktop follows an invitation only of a higher term than it has seen, and who does not serve invites nobody to itself", (*watch).callIns, nil},
	{ruleWay, "a connector is healthy, directly or through a peer, only while that way works, and where a peer has one", (*watch).ways, nil},
	{ruleMajors, "between connectors of different major versions nothing is mirrored or copied, each says of the other that it differs, and who has the state takes over before who cannot have it", (*watch).majors, nil},
}

// oneUser looks at what the desktops themselves hold.
func (w *watch) oneUser(v *view) {
	for name, h := range v.desktops {
		if !single(w.run.first, site.FQDN(name)) {
			continue
		}
		users := map[string]bool{}
		for _, s := range h.Sessions {
			users[s.User] = true
		}
		if len(users) > 1 {
			w.broken(ruleOneUser, fmt.Sprintf("%s holds sessions of %d users: %+v", name, len(users), h.Sessions))
		}
	}
}

func (w *watch) electedAccepts(v *view) {
	for name, o := range v.connectors {
		if o.State.HA() && o.Accepts && (o.Elected != name || o.Starting) {
			w.broken(ruleElected, fmt.Sprintf("%s accepts while it believes that %q is elected", name, o.Elected))
		}
	}
}

// oneServes wants exactly one in quiet, and under majority none in a minority and never
// two.
func (w *watch) oneServes(v *view) {
	for _, z := range w.run.world.Zones() {
		all := w.run.connectorsOf(z)
		serving, able := 0, 0
		for _, name := range all {
			o, up := v.connectors[name]
			if up && o.Accepts {
				serving++
			}
			if up && o.CanServe && (w.settings().Policy != site.Majority || slices.Contains(o.Actives, name)) {
				able++
			}
		}
		whole := w.whole(z, v) && w.allHA(z, v)
		if w.lasting(z+" two", v.now, whole && serving > 1, time.Second) {
			w.broken(ruleOneServes, fmt.Sprintf("%d connectors serve in the quiet zone %s: %s", serving, z, serve(all, v)))
		}
		if w.lasting(z+" none", v.now, whole && w.quorate(z, v) && serving == 0 && able > 0, w.slack()+2*time.Second) {
			w.broken(ruleOneServes, fmt.Sprintf("nobody serves in the quiet zone %s, though %d could", z, able))
		}
		if w.settings().Policy == site.Majority {
			w.minority(v, z, all)
			w.twoServe(v, z, all)
		}
	}
}

func serve(all []site.FQDN, v *view) string {
	var names []string
	for _, name := range all {
		if v.connectors[name].Accepts {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ", ")
}

func (w *watch) transition(who string, fields logrus.Fields) {
	from, to, event := zone.State(text(fields["from"])), zone.State(text(fields["to"])), statemachine.Event(text(fields["trigger"]))
	if text(fields["reason"]) == "" {
		w.broken(ruleTransitions, fmt.Sprintf("%s went from %s to %s without a reason", who, from, to))
	}
	if from == "starting" {
		return
	}
	legal := slices.ContainsFunc(statemachine.Table(), func(row statemachine.Row) bool {
		return row.Event == event && row.To == to && slices.Contains(row.From, from)
	})
	if !legal {
		w.broken(ruleTransitions, fmt.Sprintf("%s went from %s to %s by %q", who, from, to, event))
	}
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (w *watch) snapshots(v *view) {
	for name, o := range v.connectors {
		if o.Snapshot.IsZero() {
			continue
		}
		w.mu.Lock()
		known := w.versions[o.Snapshot.String()]
		w.mu.Unlock()
		if !known {
			w.broken(ruleSnapshots, fmt.Sprintf("%s uses snapshot %s, which was not published", name, o.Snapshot))
		}
		was, ok := w.last[name]
		if ok && !was.Snapshot.IsZero() && was.Snapshot != o.Snapshot && w.unaccepted(name, was.Snapshot, o.Snapshot) {
			w.broken(ruleSnapshots, fmt.Sprintf("%s uses snapshot %s, which lacks most machines and was not accepted", name, o.Snapshot))
		}
		if ok && was.State.HA() && o.State.HA() && !was.Starting && !o.Starting && was.Record.Outage == o.Record.Outage && !was.Snapshot.IsZero() && was.Snapshot != o.Snapshot {
			w.broken(ruleSnapshots, fmt.Sprintf("%s went from snapshot %s to %s in HA mode", name, was.Snapshot, o.Snapshot))
		}
	}
}

// unaccepted reports whether a connector has taken a suspicious snapshot into use that
// no operator of its zone let through.
func (w *watch) unaccepted(name site.FQDN, from, to site.Version) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.shrunken[to.String()] && !w.shrunken[from.String()] && !w.accepted[w.zoneOf(name)+" "+to.String()]
}

// numbers: the highest number ever seen never goes back, also after a crash.
func (w *watch) numbers(v *view) {
	for name, o := range v.connectors {
		if highest := max(o.Record.Number, o.Record.Term, o.Highest); highest < w.highest[name] {
			w.broken(ruleDurable, fmt.Sprintf("%s has forgotten record number %d and is at %d", name, w.highest[name], highest))
		} else {
			w.highest[name] = highest
		}
	}
}

// journals: a launch that was answered in HA mode is in a journal of its zone.
func (w *watch) journals() {
	recorded := w.kept.pruned(w.run)
	for _, c := range w.run.world.Connectors() {
		if w.run.isDown(string(c.FQDN)) {
			return // its folder is closed
		}
		list, err := w.run.world.Agent(c.FQDN).Journal(w.run.ctx)
		if err != nil {
			w.broken(ruleDurable, fmt.Sprintf("the journal of %s cannot be read: %v", c.FQDN, err))
		}
		for _, r := range list {
			recorded[r.Session] = true
		}
	}
	w.mu.Lock()
	answers := w.answers
	w.mu.Unlock()
	for _, a := range answers {
		if a.outage && !a.Reconnected && !recorded[a.Session] {
			w.broken(ruleDurable, fmt.Sprintf("session %s of %s on %s was answered in HA mode and is in no journal", a.Session, a.user, a.Machine))
		}
	}
}

// sessions: one that runs ends by its user's or its host's doing only.
func (w *watch) sessions(v *view) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, h := range v.desktops {
		was, known := w.held[name]
		if known && was.Boot != h.Boot {
			delete(w.boots, name)
		}
		if !known || was.Boot != h.Boot || w.boots[name] {
			continue
		}
		for _, s := range was.Sessions {
			there := slices.ContainsFunc(h.Sessions, func(t wire.Session) bool { return t.ID == s.ID || renamed(s, t) })
			if s.State != wire.Reserved && !there && !w.ends[s.ID] {
				w.ends[s.ID] = true
				w.broke = append(w.broke, Violation{
					At: time.Since(w.run.trace.began), Rule: ruleSessions,
					Text: fmt.Sprintf("session %s of %s on %s ended, and nobody has ended it", s.ID, s.User, name),
				})
			}
		}
	}
}

// renamed: a user who comes back to their session by a broker that does not know it gets
// it by the name that this one gives it.
func renamed(was, is wire.Session) bool {
	return was.User == is.User && was.Started.Equal(is.Started) && was.Resource == is.Resource
}

// leases: in a quiet zone no desktop is registered with two that serve.
func (w *watch) leases(v *view) {
	if !v.quiet {
		return
	}
	for _, z := range w.run.world.Zones() {
		all := w.run.connectorsOf(z)
		if serving := accepting(all, v); len(serving) < 2 || !w.run.connected(all) {
			delete(w.since, z+" leases")
			continue
		}
		with := map[site.FQDN]int{}
		for _, name := range accepting(all, v) {
			for _, reg := range w.run.world.Agent(name).Registrations().Items {
				with[reg.Machine]++
			}
		}
		twice := slices.ContainsFunc(w.run.first.Machines, func(m site.Machine) bool { return with[m.Name] > 1 })
		if w.lasting(z+" leases", v.now, twice, time.Second) {
			w.broken(ruleLeases, "in the quiet zone "+z+" desktops are registered with two that serve")
		}
	}
}

func accepting(all []site.FQDN, v *view) []site.FQDN {
	return slices.DeleteFunc(slices.Clone(all), func(name site.FQDN) bool {
		o := v.connectors[name]
		return !(o.State.HA() && o.Accepts)
	})
}

// connected reports whether all of them run and reach each other.
func (r *run) connected(all []site.FQDN) bool {
	for _, a := range all {
		for _, b := range all {
			if !r.reaches(a, b) {
				return false
			}
		}
	}
	return true
}

// reaches reports whether both run, and hear each other.
func (r *run) reaches(a, b site.FQDN) bool {
	if r.isDown(string(a)) || r.isDown(string(b)) {
		return false
	}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	if r.hosts[string(a)].life.paused || r.hosts[string(b)].life.paused {
		return false
	}
	return !r.net.isCut(way{string(a), string(b)}) && !r.net.isCut(way{string(b), string(a)})
}
