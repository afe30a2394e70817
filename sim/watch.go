package sim

import (
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/agent"
	"understudy/desktop"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

// watch looks at the whole site again and again, and holds it to the rules.
type watch struct {
	run  *run
	next time.Time

	// What follows belongs to the driver.
	last    map[site.FQDN]agent.Observed
	held    map[string]desktop.Holding
	highest map[site.FQDN]uint64
	since   map[string]time.Time // since when something that must pass has been so
	offices map[string]*office   // by zone
	kept    *kept
	zones   map[string]*sight
	moves   moves
	// probe is when every connector is asked again, impostor every desktop.
	probe, impostor time.Time
	asking          map[site.FQDN]time.Time // since when a connector has been starting
	// compare is when copies are compared next, differ since when something differs.
	compare time.Time
	differ  map[string]time.Time
	// apart is when connectors of different major versions are looked at next.
	apart  time.Time
	ghosts ghosts

	mu       sync.Mutex // guards what follows
	broke    []Violation
	told     map[string]bool
	versions map[string]bool         // that the cloud broker has published
	shrunken map[string]bool         // those of them that lack most machines
	absent   map[site.FQDN]time.Time // when a version that lacks a machine was last published
	accepted map[string]bool         // zones and versions that an operator let through
	boots    map[string]bool         // desktops that were rebooted, until that is seen
	ends     map[string]bool         // sessions whose users have logged off
	answers  []answered
	pending  []move
	orders   map[string]standing // by zone
	underWay map[string]int      // orders that are not answered yet, by zone
}

// answered is a launch that a user has got an answer to.
type answered struct {
	user string
	wire.LaunchAnswer
	// outage says that every connector of the zone was in HA mode when it was asked,
	// and when it was answered.
	outage bool
}

func newWatch(r *run) *watch {
	return &watch{
		run: r, next: time.Now(), zones: map[string]*sight{}, moves: newMoves(), asking: map[site.FQDN]time.Time{}, orders: map[string]standing{}, underWay: map[string]int{}, last: map[site.FQDN]agent.Observed{}, held: map[string]desktop.Holding{}, highest: map[site.FQDN]uint64{},
		since: map[string]time.Time{}, told: map[string]bool{}, versions: map[string]bool{}, shrunken: map[string]bool{}, absent: map[site.FQDN]time.Time{}, accepted: map[string]bool{}, boots: map[string]bool{}, ends: map[string]bool{}, offices: map[string]*office{}, kept: newKept(),
		ghosts: ghosts{since: map[string]appearance{}, held: map[string]time.Time{}},
	}
}

// broken notes that a rule did not hold; each text once.
func (w *watch) broken(rule, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told[rule+text] || len(w.broke) > 100 {
		return
	}
	w.told[rule+text] = true
	w.broke = append(w.broke, Violation{At: time.Since(w.run.trace.began), Rule: rule, Text: text})
}

func (w *watch) violations() []Violation {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broke
}

// view is the site at one moment.
type view struct {
	now        time.Time
	connectors map[site.FQDN]agent.Observed
	desktops   map[string]desktop.Holding
	// quiet: nothing has been done to the site for so long that a zone must have
	// settled who serves.
	quiet bool
}

// look checks every rule against the site as it is now. Everything else waits for
// time to go on.
func (w *watch) look() {
	r := w.run
	v := view{now: time.Now(), connectors: map[site.FQDN]agent.Observed{}, desktops: map[string]desktop.Holding{}}
	v.quiet = v.now.Sub(r.quiet) > w.slack()
	for _, c := range r.world.Connectors() {
		if a := r.world.Agent(c.FQDN); a != nil && !r.isDown(string(c.FQDN)) {
			v.connectors[c.FQDN] = a.Observe()
		}
	}
	for _, m := range r.first.Machines {
		if d := r.world.Desktop(string(m.Name)); d != nil && !r.isDown(string(m.Name)) {
			v.desktops[string(m.Name)], _ = d.Holding(m.Name)
		}
	}
	w.survey(&v)
	w.judgeMoves(&v)
	for _, rule := range rules {
		if rule.look != nil {
			rule.look(w, &v)
		}
	}
	w.last = v.connectors
	maps.Copy(w.held, v.desktops)
	if !v.now.Before(w.next) {
		w.next = v.now.Add(watchEvery)
	}
}

// slack is how long a zone may take to settle after the last fault: the deadline,
// the wait for peers, and a redial of the network between.
func (w *watch) slack() time.Duration {
	s := w.run.plan.Shape.Settings.WithDefaults()
	return s.Deadline.D() + s.JoinWait.D() + 3*time.Second
}

// lasting reports whether something has been so for the whole time.
func (w *watch) lasting(what string, now time.Time, is bool, limit time.Duration) bool {
	if !is {
		delete(w.since, what)
		return false
	}
	began, ok := w.since[what]
	if !ok {
		w.since[what] = now
		return false
	}
	return now.Sub(began) >= limit
}

// heard takes in what processes log.
func (w *watch) heard(who string, fields logrus.Fields) {
	name, _ := fields["event"].(string)
	if events.Name(name) == events.StateChanged {
		w.transition(who, fields)
		w.moved(who, fields)
	}
	w.copiedFrom(who, fields)
	if events.Name(name) == events.LateWake {
		w.begins(site.FQDN(who))
	}
	if version, ok := fields["version"].(string); ok && who == cloudName {
		w.published(version)
	}
}

// published takes in a version of the site. The cloud broker makes some by itself, with
// as many machines as the one before; it tells of each when that is the present one.
func (w *watch) published(version string) {
	w.mark(w.versions, version)
	index := site.NewIndex(w.run.world.Server().Site())
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.run.first.Machines {
		if _, there := index.Machine(m.Name); !there {
			w.shrunken[version], w.absent[m.Name] = true, time.Now()
		}
	}
}

// begins takes in that a connector starts to ask its peers.
func (w *watch) begins(who site.FQDN) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asking[who] = time.Now()
}

func (w *watch) rebooted(who string) { w.mark(w.boots, who) }

func (w *watch) loggedOff(session string) { w.mark(w.ends, session) }

func (w *watch) mark(m map[string]bool, key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m[key] = true
}

// inOutage reports whether every connector of a zone is in HA mode.
func (w *watch) inOutage(z string) bool {
	for _, c := range w.run.connectorsOf(z) {
		if w.run.isDown(string(c)) || !w.run.world.Agent(c).Observe().State.HA() {
			return false
		}
	}
	return true
}

// launched takes in the answer to a user's launch, and whether the zone was in HA mode
// when it was asked: what was relayed before may be answered after.
func (w *watch) launched(user string, a wire.LaunchAnswer, asked bool) {
	index := site.NewIndex(w.run.first)
	m, _ := index.Machine(a.Machine)
	outage := asked && w.inOutage(m.Zone)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers = append(w.answers, answered{user, a, outage})
}

// finish checks what can only be known in the end.
func (w *watch) finish() {
	for _, rule := range rules {
		if rule.finish != nil {
			rule.finish(w)
		}
	}
}

func (v *view) String() string {
	return fmt.Sprintf("%d connectors, %d desktops", len(v.connectors), len(v.desktops))
}
