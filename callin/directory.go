package callin

import (
	"sort"
	"strings"
	"sync"

	"understudy/site"
)

// MaxCallback bounds the callbacks that are kept.
const MaxCallback = 512

// Directory is one connector's copy. What changed in it can be read in order, each
// desktop once: peers and the disk follow it so. It is safe for concurrent use.
type Directory struct {
	limit int

	mu    sync.Mutex // guards what follows
	known map[site.FQDN]*entry
	lease map[uint64]*entry
	log   []logged // in order of position; what was replaced is still there
	head  uint64
	clock uint64 // the highest version seen
	count int    // of those that can be called
}

type entry struct {
	Desktop
	position uint64 // of the latest change; 0: it is gone
}

type logged struct {
	position uint64
	of       *entry
}

// NewDirectory returns an empty one that keeps at most so many desktops.
func NewDirectory(limit int) *Directory {
	return &Directory{limit: limit, known: map[site.FQDN]*entry{}, lease: map[uint64]*entry{}}
}

// Learn takes over what a registration said that was granted.
func (d *Directory) Learn(machine site.FQDN, callback string, lease, term uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.learn(Desktop{Machine: machine, Callback: callback, Lease: lease, Term: term})
}

func (d *Directory) learn(n Desktop) {
	e := d.entry(n)
	if e == nil {
		return
	}
	d.clock++
	n.Version, n.Term = d.clock, max(n.Term, e.Term)
	d.put(e, n)
}

// Serve takes over a registration with the zone's own broker. A lease of an outage is
// nothing that anybody asks for here; a callback is.
func (d *Directory) Serve(machine site.FQDN, callback string, term uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.known[machine]
	if e == nil || e.Callback != callback {
		d.learn(Desktop{Machine: machine, Callback: strings.Clone(callback), Term: term})
		return
	}
	e.Term = max(e.Term, term)
}

// Renew notes the term of a heartbeat's answer.
func (d *Directory) Renew(lease, term uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.lease[lease]; e != nil {
		e.Term = max(e.Term, term)
	}
}

// Forget notes that a desktop gave its lease back: it goes away.
func (d *Directory) Forget(lease uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.lease[lease]; e != nil {
		d.clock++
		d.put(e, Desktop{Machine: e.Machine, Term: e.Term, Version: d.clock})
	}
}

// Merge takes over what a peer or the disk has, and reports how much of it was new.
func (d *Directory) Merge(list []Desktop) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := 0
	for _, n := range list {
		d.clock = max(d.clock, n.Version)
		e := d.entry(n)
		if e == nil || compare(n, e.Desktop) <= 0 {
			continue
		}
		n.Term = max(n.Term, e.Term)
		d.put(e, n)
		changed++
	}
	return changed
}

// entry finds or makes the place of a desktop; nil: there is no room for that.
func (d *Directory) entry(n Desktop) *entry {
	if len(n.Callback) > MaxCallback {
		return nil
	}
	e := d.known[n.Machine]
	if e == nil && len(d.known) < d.limit {
		e = &entry{Desktop: Desktop{Machine: n.Machine}}
		d.known[n.Machine] = e
	}
	return e
}

// put changes a desktop and enters the change.
func (d *Directory) put(e *entry, n Desktop) {
	d.name(e, n.Lease)
	d.count += callable(n) - callable(e.Desktop)
	e.Desktop = n
	d.head++
	e.position = d.head
	d.log = append(d.log, logged{d.head, e})
	if len(d.log) > 2*len(d.known)+1024 {
		d.compact()
	}
}

// name lets a desktop be found by its lease.
func (d *Directory) name(e *entry, lease uint64) {
	if d.lease[e.Lease] == e {
		delete(d.lease, e.Lease)
	}
	e.Lease = lease
	if lease != 0 {
		d.lease[lease] = e
	}
}

func (d *Directory) compact() {
	kept := make([]logged, 0, len(d.known))
	for _, l := range d.log {
		if l.of.position == l.position {
			kept = append(kept, l)
		}
	}
	d.log = kept
}

// Part is a part of what changed in a directory.
type Part struct {
	Desktops []Desktop `json:"desktops"`
	// To is the position that who has read the part has reached.
	To   uint64 `json:"to"`
	More bool   `json:"more,omitempty"`
}

// After returns what changed after a position, at most limit desktops.
func (d *Directory) After(position uint64, limit int) Part {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := Part{To: max(position, d.head)}
	for _, l := range d.log[d.place(position):] {
		if l.of.position != l.position {
			continue
		}
		if len(p.Desktops) == limit {
			p.To, p.More = p.Desktops[limit-1].at(d), true
			break
		}
		p.Desktops = append(p.Desktops, l.of.Desktop)
	}
	return p
}

func (n Desktop) at(d *Directory) uint64 { return d.known[n.Machine].position }

func (d *Directory) place(position uint64) int {
	return sort.Search(len(d.log), func(i int) bool { return d.log[i].position > position })
}

// Head is the position of the latest change.
func (d *Directory) Head() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.head
}

// Callable counts the desktops that can be called.
func (d *Directory) Callable() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

func callable(n Desktop) int {
	if n.Callback == "" {
		return 0
	}
	return 1
}

// Below lists the desktops that can be called and were seen under lower terms only,
// in the order in which they were learned of.
func (d *Directory) Below(term uint64) []Desktop {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Desktop
	for _, l := range d.log {
		if e := l.of; e.position == l.position && e.Callback != "" && e.Term < term {
			list = append(list, e.Desktop)
		}
	}
	return list
}

// Term is the highest under which a desktop was seen.
func (d *Directory) Term(machine site.FQDN) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.known[machine]; e != nil {
		return e.Term
	}
	return 0
}

// Prune forgets the desktops that are not to be kept, and names them.
func (d *Directory) Prune(keep func(site.FQDN) bool) []site.FQDN {
	d.mu.Lock()
	defer d.mu.Unlock()
	var gone []site.FQDN
	for _, l := range d.log {
		e := l.of
		if e.position != l.position || keep(e.Machine) {
			continue
		}
		d.name(e, 0)
		d.count -= callable(e.Desktop)
		delete(d.known, e.Machine)
		e.position = 0
		gone = append(gone, e.Machine)
	}
	return gone
}
