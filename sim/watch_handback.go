package sim

import (
	"cmp"
	"fmt"
	"slices"

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
	count map[site.FQDN]int
}

func newKept() *kept { return &kept{seen: map[named]broker.Record{}, count: map[site.FQDN]int{}} }

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
		for _, r := range list {
			w.kept.seen[named{r.Journal, r.Sequence}] = r
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
		if n := there[name]; n != 1 {
			w.broken(ruleHandback, fmt.Sprintf("record %d of %s (%s of %s on %s) is %d times with the cloud broker",
				name.sequence, r.Origin, r.Kind, r.User, r.Machine, n))
		}
	}
	w.history(list)
	w.assignments()
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

// assignments made in an outage are in the site, or reported.
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
		if r.Kind != broker.Assignment || reported[name] {
			continue
		}
		if m, _ := index.Machine(r.Machine); site.UserKey(m.AssignedUser) != site.UserKey(r.User) {
			w.broken(ruleHandback, fmt.Sprintf("%s was given to %s in an outage, and the site says %q", r.Machine, r.User, m.AssignedUser))
		}
	}
}
