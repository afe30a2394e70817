package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"understudy/agent"
	"understudy/broker"
	"understudy/site"
)

const ruleCopies = "copies"

// copiesEvery is how often copies are compared with what they are of, and copyLate
// how long a difference may last where nothing is in its way.
const (
	copiesEvery = time.Second
	copyLate    = 3 * time.Second
)

// copies: in a steady zone what the peers have mirrored is what the one that serves
// has, but for what has just changed.
func (w *watch) copies(v *view) {
	if v.now.Before(w.compare) {
		return
	}
	w.compare = v.now.Add(copiesEvery)
	differ := map[string]time.Time{}
	for _, z := range w.run.world.Zones() {
		if serving := accepting(w.zones[z].up, v); w.whole(z, v) && w.allHA(z, v) && len(serving) == 1 {
			w.compareAll(z, serving[0], v, differ)
		}
	}
	w.differ = differ
}

func (w *watch) compareAll(z string, serving site.FQDN, v *view, differ map[string]time.Time) {
	source := w.run.world.Agent(serving)
	has, held := source.Copy(), w.lastKept(source)
	for _, name := range w.zones[z].up {
		if name == serving || v.connectors[name].Snapshot != v.connectors[serving].Snapshot || !w.run.alike(name, serving) {
			continue // a copy has what is of its own site, and there is none of another major version
		}
		peer := w.run.world.Agent(name)
		for _, text := range append(w.missing(name, has, peer.Copy()), unheld(name, held, peer.Held())...) {
			differ[text] = v.now
			if since, before := w.differ[text]; before {
				differ[text] = since
				if v.now.Sub(since) > copyLate {
					w.broken(ruleCopies, fmt.Sprintf("%s, which %s has", text, serving))
				}
			}
		}
	}
}

// missing says what of the state a peer does not have as it is, or has and should not.
func (w *watch) missing(peer site.FQDN, has, copied agent.Copy) []string {
	if has.Outage != copied.Outage || !copied.Whole {
		return []string{fmt.Sprintf("%s has no whole copy of outage %s", peer, has.Outage)}
	}
	want, got := telling(has.Items), telling(copied.Items)
	var list []string
	for _, i := range want {
		if !slices.Contains(got, i) {
			list = append(list, fmt.Sprintf("%s has not %s", peer, i))
		}
	}
	for _, i := range got {
		if !slices.Contains(want, i) {
			list = append(list, fmt.Sprintf("%s has %s, which is not so,", peer, i))
		}
	}
	return list
}

// telling are the items by what must be the same; what ends by itself about now is left
// out, and how long it is to last.
func telling(items []broker.Item) []string {
	var list []string
	for _, i := range items {
		brief := i.Left < 2*copyLate
		switch {
		case i.Kind == broker.ItemHost && !brief:
			list = append(list, fmt.Sprintf("the registration of %s: lease %.8s, capacity %d", i.Machine, i.LeaseText(), i.Capacity))
		case i.Kind == broker.ItemSession && (i.Session.State != broker.Reserved || !brief):
			list = append(list, fmt.Sprintf("session %s of %s on %s, %s", i.Session.ID, i.Session.User, i.Machine, i.Session.State))
		case i.Kind == broker.ItemTicket && !brief:
			list = append(list, fmt.Sprintf("ticket %.8s of session %s, spent: %t", i.ID, i.Ticket.Session, i.Spent))
		}
	}
	slices.Sort(list)
	return list
}

// lastKept is the last record of each journal that a connector still has: what was
// forgotten is with the cloud broker.
func (w *watch) lastKept(a *agent.Agent) map[string]uint64 {
	last := map[string]uint64{}
	records, err := a.Records(w.run.ctx)
	if err != nil {
		return last // it stops
	}
	for _, r := range records {
		last[r.Journal] = max(last[r.Journal], r.Sequence)
	}
	return last
}

// unheld are the journals of which a peer's disk lacks something.
func unheld(peer site.FQDN, want, got map[string]uint64) []string {
	var list []string
	for journal, last := range want {
		if got[journal] < last {
			list = append(list, fmt.Sprintf("%s has not record %d of journal %s", peer, last, journal))
		}
	}
	slices.SortFunc(list, cmp.Compare[string])
	return list
}
