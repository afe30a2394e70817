package sim

import (
	"fmt"
	"slices"
	"time"

	"understudy/broker"
	"understudy/site"
)

const (
	// ghostAfter is how long a new session of the cloud broker may have none on its
	// desktop, ghostBefore how long before that it may have ended there, and ghostCalm how
	// long ago something may have been done to the site: what is on its way tells of it.
	ghostAfter  = time.Second
	ghostBefore = 10 * time.Second
	ghostCalm   = 5 * time.Second
)

// ghosts is what the rule about live sessions remembers.
type ghosts struct {
	next time.Time
	// since is when the cloud broker began to have a session, held when its desktop last
	// had it.
	since map[string]appearance
	held  map[string]time.Time
	// waitedSince and waitedUntil are the latest time in which requests may have been
	// waiting on their way to the cloud broker.
	waitedSince, waitedUntil time.Time
}

// appearance is when a session appeared, and when what told of it may have been sent.
type appearance struct{ at, sent time.Time }

// liveSessions: no session appears with the cloud broker that its desktop does not
// have: those of outages are history.
func (w *watch) liveSessions(v *view) {
	for _, h := range v.desktops {
		for _, s := range h.Sessions {
			w.ghosts.held[s.ID] = v.now
		}
	}
	w.noteWaiting(v)
	if v.now.Before(w.ghosts.next) {
		return
	}
	w.ghosts.next = v.now.Add(ghostAfter / 4)
	since := map[string]appearance{}
	if !w.run.isDown(cloudName) {
		for _, s := range w.run.world.Server().Sessions() {
			begun, known := w.ghosts.since[s.ID]
			if !known {
				begun = appearance{v.now, w.ghosts.sentBy(v.now)}
			}
			since[s.ID] = begun
			_, up := v.desktops[string(s.Machine)]
			if up && s.State != "reserved" && v.now.Sub(begun.at) >= ghostAfter && w.neverHeld(s.ID, begun) {
				w.broken(ruleHandback, fmt.Sprintf("session %s of %s is live with the cloud broker, and is not on %s", s.ID, s.User, s.Machine))
			}
		}
	}
	w.ghosts.since = since
}

// neverHeld reports whether a session had ended on its desktop long before it appeared,
// if it ever was there, while nothing could be on its way for long.
func (w *watch) neverHeld(session string, a appearance) bool {
	if a.at.Sub(w.ghosts.held[session]) <= ghostBefore {
		return false
	}
	return a.at.Sub(w.run.quiet) > ghostCalm || w.kept.ended(session, a.sent.Add(-ghostBefore))
}

// sentBy is since when a request may have been on its way that arrives now.
func (g *ghosts) sentBy(now time.Time) time.Time {
	if now.Sub(g.waitedUntil) <= ghostBefore {
		return g.waitedSince
	}
	return now
}

// noteWaiting notes that the cloud broker or a connector is stopped, or that one is cut
// off from it: a registration that waits then still tells of sessions that end meanwhile.
func (w *watch) noteWaiting(v *view) {
	r := w.run
	waits := !r.isDown(cloudName) && slices.ContainsFunc(r.world.Connectors(), func(c site.Connector) bool {
		return !r.isDown(string(c.FQDN)) && !r.reaches(c.FQDN, cloudName)
	})
	if !waits {
		return
	}
	if v.now.Sub(w.ghosts.waitedUntil) > ghostBefore {
		w.ghosts.waitedSince = v.now
	}
	w.ghosts.waitedUntil = v.now
}

// ended reports whether a journal had the end of the session by then: its desktop has
// nothing to tell of it any more.
func (k *kept) ended(session string, by time.Time) bool {
	for name, r := range k.seen {
		if r.Kind == broker.LoggedOff && r.Session == session && k.at[name].Before(by) {
			return true
		}
	}
	return false
}
