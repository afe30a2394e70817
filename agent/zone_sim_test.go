package agent

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// simStep is one round of everybody, simDelay how many steps a heartbeat may take.
const (
	simStep  = 100 * time.Millisecond
	simDelay = 3
)

func simSettings() site.Settings {
	return site.Settings{
		Deadline: site.Duration(time.Second), JoinWait: site.Duration(time.Second), Detection: site.Duration(2 * time.Second),
		InitialHA: site.Duration(3 * time.Second), Recovery: site.Duration(2 * time.Second), PreemptAfter: site.Duration(2 * time.Second),
		DetectionMax: site.Duration(4 * time.Second), RecoveryMax: site.Duration(4 * time.Second), DetectionReset: site.Duration(20 * time.Second),
	}.WithDefaults()
}

// simZone is a zone of cores that exchange facts over links which delay and lose
// them. It plays the loop: gather, decide, make durable, commit, publish. It is
// deterministic for one seed.
type simZone struct {
	t        testing.TB
	rand     *rand.Rand
	now      time.Time
	settings site.Settings
	list     []site.FQDN
	standbys []site.FQDN
	// promotions: an operator may promote connectors.
	promotions bool
	// imports: connectors may have other settings than the zone.
	imports  bool
	nodes    []*simNode
	cut      map[[2]int]bool
	due      map[[2]int]time.Time
	messages []simMessage
	written  map[string]zone.Record
	// desktop is the highest term that the zone's desktops have seen.
	desktop uint64
	outages int
	trace   []string
}

type simMessage struct {
	from, to  int
	sent, due time.Time
	facts     wire.Facts
}

func newSim(t testing.TB, n int, seed uint64) *simZone {
	t.Helper()
	z := &simZone{
		t: t, rand: rand.New(rand.NewPCG(seed, 7)), now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), settings: simSettings(),
		cut: map[[2]int]bool{}, due: map[[2]int]time.Time{}, written: map[string]zone.Record{},
	}
	for i := range n {
		z.list = append(z.list, site.FQDN(fmt.Sprintf("c%d", i)))
	}
	for i := range n {
		z.nodes = append(z.nodes, newSimNode(z, i))
	}
	for i := range n {
		z.start(i)
	}
	return z
}

// step lets everybody who runs make one round, in any order.
func (z *simZone) step() {
	z.now = z.now.Add(simStep)
	z.deliver()
	for _, i := range z.rand.Perm(len(z.nodes)) {
		if n := z.nodes[i]; n.core != nil && !z.now.Before(n.paused) {
			n.round()
		}
	}
	z.desktops()
	z.oneByMajority()
}

// oneByMajority: under majority no two serve at the same time, at any moment and
// whatever happens, but by an operator's promotion (RAS-01, RAS-02).
func (z *simZone) oneByMajority() {
	if z.settings.Policy != site.Majority {
		return
	}
	if elected := z.who(func(n *simNode) bool { return n.serves() && !n.core.promoted() }); len(elected) > 1 {
		z.fail("under majority %v serve\n%s", elected, z.describe())
	}
}

func (z *simZone) run(d time.Duration) {
	for end := z.now.Add(d); z.now.Before(end); {
		z.step()
	}
}

// until runs until cond has held for two seconds without a break.
func (z *simZone) until(what string, limit time.Duration, cond func() bool) {
	z.t.Helper()
	end, since := z.now.Add(limit), z.now
	for z.now.Before(end) {
		z.step()
		if !cond() {
			since = z.now
		}
		if z.now.Sub(since) >= 2*time.Second {
			return
		}
	}
	z.fail("%s: not within %s; %s", what, limit, z.describe())
}

// soon runs until cond holds once.
func (z *simZone) soon(what string, limit time.Duration, cond func() bool) {
	z.t.Helper()
	for end := z.now.Add(limit); z.now.Before(end); {
		z.step()
		if cond() {
			return
		}
	}
	z.fail("%s: not within %s; %s", what, limit, z.describe())
}

// deliver hands over what is due. Who is paused reads its sockets later; a cut
// link and a host that is down lose everything.
func (z *simZone) deliver() {
	keep := z.messages[:0]
	for _, m := range z.messages {
		to := z.nodes[m.to]
		switch {
		case z.cut[[2]int{m.from, m.to}] || to.core == nil || m.facts.Boot != z.nodes[m.from].boot || m.sent.Before(to.epoch):
		case m.due.After(z.now) || z.now.Before(to.paused):
			keep = append(keep, m)
		default:
			to.facts[m.from], to.heardAt[m.from], to.answered[m.from] = m.facts, z.now, true
		}
	}
	z.messages = keep
}

func (z *simZone) send(from int, f wire.Facts) {
	for to := range z.nodes {
		link := [2]int{from, to}
		if to == from || z.cut[link] {
			continue
		}
		due := z.now.Add(time.Duration(z.rand.IntN(simDelay+1)) * simStep)
		if due.Before(z.due[link]) {
			due = z.due[link]
		}
		z.due[link] = due
		z.messages = append(z.messages, simMessage{from: from, to: to, sent: z.now, due: due, facts: f})
	}
}

// desktops register with whoever serves; it hears of the highest term they have
// seen, and they see its term.
func (z *simZone) desktops() {
	for _, n := range z.nodes {
		if n.serves() && z.rand.IntN(4) == 0 {
			n.term = max(n.term, z.desktop)
			z.desktop = max(z.desktop, n.core.record.Term)
		}
	}
}

func (z *simZone) start(i int) { z.nodes[i].boots() }

// crash is a kill: the network of who can reach the host says so at once.
func (z *simZone) crash(i int) {
	z.nodes[i].core = nil
	for j, n := range z.nodes {
		if !z.cut[[2]int{i, j}] && !z.cut[[2]int{j, i}] {
			n.heardAt[i], n.answered[i] = time.Time{}, true
		}
	}
}

func (z *simZone) pause(i int, d time.Duration) { z.nodes[i].paused = z.now.Add(d) }

func (z *simZone) cutOneWay(from, to int) { z.cut[[2]int{from, to}] = true }

func (z *simZone) cutBoth(a, b int) { z.cutOneWay(a, b); z.cutOneWay(b, a) }

// split cuts every link between those in the part and the others.
func (z *simZone) split(part ...int) {
	for a := range z.nodes {
		for b := range z.nodes {
			if slices.Contains(part, a) && !slices.Contains(part, b) {
				z.cutBoth(a, b)
			}
		}
	}
}

func (z *simZone) heal() { clear(z.cut) }

func (z *simZone) cloud(healthy bool, who ...int) {
	for i, n := range z.nodes {
		if len(who) == 0 || slices.Contains(who, i) {
			n.cloud = healthy
		}
	}
}

// serving lists who would answer requests in HA mode.
func (z *simZone) serving() []site.FQDN {
	return z.who((*simNode).serves)
}

func (z *simZone) offices() []site.FQDN {
	return z.who(func(n *simNode) bool { return n.core != nil && n.core.office })
}

func (z *simZone) who(is func(*simNode) bool) []site.FQDN {
	var out []site.FQDN
	for _, n := range z.nodes {
		if is(n) {
			out = append(out, n.name)
		}
	}
	return out
}

// all reports whether everybody who runs has finished starting and is in a state.
func (z *simZone) all(states ...zone.State) bool {
	for _, n := range z.nodes {
		if n.core != nil && (n.core.starting || !slices.Contains(states, n.core.state())) {
			return false
		}
	}
	return true
}

func (z *simZone) served(by site.FQDN) func() bool {
	return func() bool { s := z.serving(); return len(s) == 1 && s[0] == by }
}

func (z *simZone) note(format string, args ...any) {
	z.trace = append(z.trace, z.now.Format("04:05.0 ")+fmt.Sprintf(format, args...))
	if len(z.trace) > 60 {
		z.trace = z.trace[1:]
	}
}

func (z *simZone) fail(format string, args ...any) {
	z.t.Helper()
	z.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(z.trace, "\n"))
}

func (z *simZone) describe() string {
	var parts []string
	for _, n := range z.nodes {
		if n.core == nil {
			parts = append(parts, string(n.name)+" down")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s %s office=%t starting=%t record n%d t%d %s by %s; %s", n.name, n.core.state(), n.core.office,
			n.core.starting, n.core.record.Number, n.core.record.Term, n.core.record.Mode, n.core.record.Writer, n.core.election.Reason))
	}
	return strings.Join(parts, "\n")
}
