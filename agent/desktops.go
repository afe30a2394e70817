package agent

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"understudy/callin"
	"understudy/site"
	"understudy/wire"
)

const (
	// maxDesktops bounds what is known of desktops, in memory and on the disk.
	maxDesktops = 250_000
	// A round, which brings peers and the disk level, takes no more than so many parts
	// from a peer and to the disk, each of so many desktops. Parts for the disk are
	// small, because launches wait for the same one.
	directoryParts    = 5
	directoryPart     = 1000
	directoryOnDisk   = 200
	directoryPatience = 4 * time.Second
)

// directory keeps what this connector knows of the zone's desktops level with its
// peers, with its disk, and with the site. No request waits for it.
type directory struct {
	known *callin.Directory
	heads func() []directoryHead
	ask   func(ctx context.Context, from site.FQDN, after uint64) (callin.Part, error)
	ours  func([]callin.Desktop) []callin.Desktop
	save  func(ctx context.Context, list []callin.Desktop) error
	drop  func(ctx context.Context, names []site.FQDN) error
	// version is that of the site; zero: there is none, and nothing to go by.
	version func() site.Version
	gate    func(context.Context) error
	due     func() <-chan struct{} // the next round

	// What follows belongs to run.
	read   map[site.FQDN]directoryHead // up to where each peer's was read
	saved  uint64                      // up to where it is on the disk
	pruned site.Version
}

func (a *Agent) newDirectory() *directory {
	return &directory{
		known: a.known, heads: a.directoryHeads, ask: a.askDirectory, ours: a.ourDesktops, save: a.state.SaveDesktops, drop: a.state.DropDesktops,
		version: func() site.Version { v, _ := a.ownVersion(); return v },
		gate:    a.o.Env.Gate, due: a.chores.add(), read: map[site.FQDN]directoryHead{}, saved: a.known.Head(),
	}
}

// loadDesktops begins with what earlier runs left on the disk.
func (a *Agent) loadDesktops(ctx context.Context) error {
	list, err := a.state.Desktops(ctx)
	if err != nil {
		return err
	}
	a.known = callin.NewDirectory(maxDesktops)
	a.known.Merge(list)
	return nil
}

func (d *directory) run(ctx context.Context) {
	for d.gate(ctx) == nil {
		due := d.due()
		if !d.version().IsZero() {
			d.pull(ctx)
			d.prune(ctx)
		}
		d.flush(ctx)
		select {
		case <-ctx.Done():
			return
		case <-due:
		}
	}
}

// pull takes over what peers have learned. Who does not answer is asked again in the
// next round.
func (d *directory) pull(ctx context.Context) {
	for _, p := range d.heads() {
		at := d.read[p.peer]
		if at.boot != p.boot {
			at = directoryHead{peer: p.peer, boot: p.boot}
		}
		for range directoryParts {
			if at.head >= p.head {
				break
			}
			within, cancel := context.WithTimeout(ctx, directoryPatience)
			part, err := d.ask(within, p.peer, at.head)
			cancel()
			if err != nil || part.To <= at.head {
				break
			}
			all := len(part.Desktops)
			mine := d.ours(part.Desktops)
			if len(mine) < all && !at.leftOut {
				at.leftOut, at.again = true, at.head
			}
			d.known.Merge(mine)
			at.head = part.To
		}
		d.read[p.peer] = at
	}
}

// prune forgets what the site has no longer in this zone. What it did not have before is
// read again.
func (d *directory) prune(ctx context.Context) {
	version := d.version()
	if version == d.pruned {
		return
	}
	all := d.known.After(0, maxDesktops).Desktops
	kept := map[site.FQDN]bool{}
	for _, one := range d.ours(all) {
		kept[one.Machine] = true
	}
	gone := d.known.Prune(func(name site.FQDN) bool { return kept[name] })
	for len(gone) > 0 {
		n := min(len(gone), directoryOnDisk)
		if d.drop(ctx, gone[:n]) != nil {
			return // what is left on the disk goes at the next start
		}
		gone = gone[n:]
	}
	d.pruned = version
	for peer, at := range d.read {
		if at.leftOut {
			at.head, at.leftOut = at.again, false
			d.read[peer] = at
		}
	}
}

// flush makes durable what changed; what the disk does not take waits.
func (d *directory) flush(ctx context.Context) {
	for range directoryParts * directoryPart / directoryOnDisk {
		part := d.known.After(d.saved, directoryOnDisk)
		if len(part.Desktops) == 0 || d.gate(ctx) != nil || d.save(ctx, part.Desktops) != nil {
			return
		}
		d.saved = part.To
	}
}

func (a *Agent) askDirectory(ctx context.Context, from site.FQDN, after uint64) (callin.Part, error) {
	var part callin.Part
	err := a.mesh.Do(ctx, from, http.MethodGet, fmt.Sprintf("/peer/v1/desktops?after=%d", after), nil, &part)
	return part, err
}

// peerDesktops tells a peer what this connector has learned since a position.
func (a *Agent) peerDesktops(w http.ResponseWriter, r *http.Request) {
	after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		wire.WriteError(w, wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "after is not a position"))
		return
	}
	wire.WriteJSON(w, http.StatusOK, a.known.After(after, directoryPart))
}
