package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// named is the name of a durable record.
type named struct {
	journal  string
	sequence uint64
}

// kept is every durable record that was ever seen in a journal: it was
// acknowledged, or is about to be.
type kept struct {
	seen  map[named]broker.Record
	at    map[named]time.Time // when it was seen first
	count map[site.FQDN]int
	// owner is who made a journal's records.
	owner map[string]site.FQDN
	// contained is the last record of a journal that both kept snapshots have contained.
	contained map[string]uint64
}

func newKept() *kept {
	return &kept{seen: map[named]broker.Record{}, at: map[named]time.Time{}, count: map[site.FQDN]int{}, owner: map[string]site.FQDN{}, contained: map[string]uint64{}}
}

// handBack is what the rule says at any time.
func (w *watch) handBack(v *view) {
	w.records(v)
	w.liveSessions(v)
}

// records looks into the journals that have changed.
func (w *watch) records(v *view) {
	for name, o := range v.connectors {
		if o.Records == w.kept.count[name] {
			continue
		}
		w.kept.count[name] = o.Records
		list, err := w.run.world.Agent(name).Journal(w.run.ctx)
		if err != nil {
			continue // it stops; what it has is there when it runs again
		}
		w.forgotten(name, list)
		for _, r := range list {
			w.named(name, r)
		}
	}
}

// named: a name is of one record for ever.
func (w *watch) named(by site.FQDN, r broker.Record) {
	name := named{r.Journal, r.Sequence}
	was, known := w.kept.seen[name]
	if known && (was.Kind != r.Kind || was.Session != r.Session || was.Machine != r.Machine || was.User != r.User) {
		w.broken(ruleHandback, fmt.Sprintf("%s calls two records %d: %s of session %s, and %s of session %s", by, r.Sequence, was.Kind, was.Session, r.Kind, r.Session))
	}
	if !known {
		w.kept.at[name] = time.Now()
	}
	w.kept.seen[name], w.kept.owner[r.Journal] = r, by
}

// forgotten: what is not in the journal any more is in each snapshot that is kept.
func (w *watch) forgotten(by site.FQDN, list []broker.Record) {
	a := w.run.world.Agent(by)
	id := a.Status().Journal.ID
	for _, c := range a.Contained() {
		w.kept.contained[c.Journal] = max(w.kept.contained[c.Journal], c.Sequence)
	}
	contained := w.kept.contained[id]
	there := map[uint64]bool{}
	for _, r := range list {
		there[r.Sequence] = true
	}
	for name, r := range w.kept.seen {
		if name.journal == id && name.sequence > contained && !there[name.sequence] {
			w.broken(ruleHandback, fmt.Sprintf("%s has forgotten record %d (%s of %s on %s); its snapshots contain those up to %d",
				by, name.sequence, r.Kind, r.User, r.Machine, contained))
		}
	}
}

// pruned are the sessions of records that their connectors have forgotten again.
func (k *kept) pruned(r *run) map[string]bool {
	first := map[string]uint64{}
	for _, c := range r.world.Connectors() {
		if r.isDown(string(c.FQDN)) {
			continue
		}
		a := r.world.Agent(c.FQDN)
		id := a.Status().Journal.ID
		first[id] = 1 << 62
		if list, err := a.Journal(r.ctx); err == nil && len(list) > 0 {
			first[id] = list[0].Sequence
		}
	}
	gone := map[string]bool{}
	for name, record := range k.seen {
		if name.sequence < first[name.journal] {
			gone[record.Session] = true
		}
	}
	return gone
}

// whyNotHandedBack says what the cloud broker does not have yet.
func (r *run) whyNotHandedBack() string {
	if r.plan.Shape.CloudAway {
		return ""
	}
	somebodyLeft := slices.ContainsFunc(r.world.Connectors(), func(c site.Connector) bool { return r.isGone(c.FQDN) })
	for _, c := range r.world.Connectors() {
		if r.isGone(c.FQDN) {
			continue
		}
		if r.isDown(string(c.FQDN)) {
			return string(c.FQDN) + " is down"
		}
		j := r.world.Agent(c.FQDN).Status().Journal
		if j.HandedBack < j.Records || somebodyLeft && j.Copies > 0 {
			return fmt.Sprintf("%s has handed back %d of %d records, and %d copies not (%s)", c.FQDN, j.HandedBack, j.Records, j.Copies, j.Trouble)
		}
	}
	return ""
}

// handedBack: each record that was seen is with the cloud broker, once, and has left
// one row in its history.
func (w *watch) handedBack() {
	if w.run.plan.Shape.CloudAway || w.run.isDown(cloudName) {
		return
	}
	server := w.run.world.Server()
	list, err := server.HandedBack(w.run.ctx)
	if err != nil {
		w.broken(ruleHandback, fmt.Sprintf("the cloud broker's records cannot be read: %v", err))
		return
	}
	there := map[named]int{}
	for _, r := range list {
		there[named{r.Journal, r.Sequence}]++
	}
	for _, name := range w.kept.names() {
		r := w.kept.seen[name]
		if n := there[name]; n != 1 && !w.leftWith(name) {
			w.broken(ruleHandback, fmt.Sprintf("record %d of %s (%s of %s on %s) is %d times with the cloud broker",
				name.sequence, r.Origin, r.Kind, r.User, r.Machine, n))
		}
	}
	w.history(list)
	w.assignments()
	w.acknowledged(list)
}

// leftWith reports whether a record has gone for good with the one host that had it.
func (w *watch) leftWith(name named) bool {
	if !w.run.isGone(w.kept.owner[name.journal]) {
		return false
	}
	for _, c := range w.run.world.Connectors() {
		if !w.run.isDown(string(c.FQDN)) && w.run.world.Agent(c.FQDN).Held()[name.journal] >= name.sequence {
			return false
		}
	}
	return true
}

// acknowledged: a launch that a user was answered in an outage has come to the cloud
// broker, unless a host with its record has gone for good.
func (w *watch) acknowledged(list []wire.OutageRecord) {
	there := map[string]bool{}
	for _, r := range list {
		there[r.Session] = true
	}
	w.mu.Lock()
	answers := w.answers
	w.mu.Unlock()
	for _, a := range answers {
		if a.outage && !a.Reconnected && !there[a.Session] && !slices.ContainsFunc(w.run.world.Connectors(), func(c site.Connector) bool { return w.run.isGone(c.FQDN) }) {
			w.broken(ruleHandback, fmt.Sprintf("session %s of %s on %s was answered in an outage, and the cloud broker has no record of it", a.Session, a.user, a.Machine))
		}
	}
}

func (k *kept) names() []named {
	var names []named
	for name := range k.seen {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.journal, b.journal), cmp.Compare(a.sequence, b.sequence))
	})
	return names
}

// history has a row for each record, and no more.
func (w *watch) history(list []wire.OutageRecord) {
	rows, err := w.run.world.Server().History(w.run.ctx)
	if err != nil {
		w.broken(ruleHandback, fmt.Sprintf("the cloud broker's history cannot be read: %v", err))
		return
	}
	for _, r := range list {
		rows[wire.OutageRecord{At: r.At, Kind: r.Kind, Machine: r.Machine, User: r.User, Session: r.Session}]--
	}
	for r, n := range rows {
		if n != 0 {
			w.broken(ruleHandback, fmt.Sprintf("the history has %d rows too many of the %s of %s on %s", n, r.Kind, r.User, r.Machine))
		}
	}
}

// assignments made in an outage are in the site, or reported. That of a machine which
// an administrator takes out of the site goes with it.
func (w *watch) assignments() {
	server := w.run.world.Server()
	findings, err := server.Findings(w.run.ctx)
	if err != nil {
		w.broken(ruleHandback, fmt.Sprintf("the findings cannot be read: %v", err))
		return
	}
	reported := map[named]bool{}
	for _, f := range findings {
		reported[named{f.Record.Journal, f.Record.Sequence}] = true
	}
	index := site.NewIndex(server.Site())
	for _, name := range w.kept.names() {
		r := w.kept.seen[name]
		if r.Kind != broker.Assignment || reported[name] || w.leftWith(name) || w.takenOut(r.Machine, w.kept.at[name]) {
			continue
		}
		if m, _ := index.Machine(r.Machine); site.UserKey(m.AssignedUser) != site.UserKey(r.User) {
			w.broken(ruleHandback, fmt.Sprintf("%s was given to %s in an outage, and the site says %q", r.Machine, r.User, m.AssignedUser))
		}
	}
}

// takenOut reports whether a version of the site since then has lacked the machine.
func (w *watch) takenOut(machine site.FQDN, since time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.absent[machine].After(since)
}
