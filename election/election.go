// Package election decides which connector of a zone is elected (LHC-20 to
// LHC-25): pure functions over what each connector says of itself and of whom it
// hears. It opens no connection and reads no clock; every connector evaluates it
// constantly, and agent acts on the result.
package election

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"understudy/site"
	"understudy/zone"
)

// Word is what one running connector says of itself.
type Word struct {
	// Starting: it has not yet heard its peers, serves nobody and is no candidate.
	Starting bool
	// Leaving: its service is stopping in an orderly way.
	Leaving  bool
	CanServe bool
	// WhyNot says why it cannot serve.
	WhyNot string
	// Hears is whom it hears, with what each last said.
	Hears map[site.FQDN]Word
}

func (w Word) candidate() bool { return w.CanServe && !w.Starting && !w.Leaving }

// View is everything that one connector knows when it decides.
type View struct {
	Self site.FQDN
	// Zone is the list of the zone's connectors.
	Zone []site.FQDN
	// Own is what this connector says of itself, with whom it hears.
	Own Word
	// Record is the highest zone record, Held when this connector took it.
	Record zone.Record
	Held   time.Time
	// Deadline bounds how long a hand-over may take.
	Deadline time.Duration
}

// Result is one decision.
type Result struct {
	// Elected may serve in HA mode; empty: nobody may.
	Elected site.FQDN
	// Successor is to be given the office by the elected one, which goes on until
	// it has said its last word.
	Successor site.FQDN
	Reason    string
}

// Elect decides by the policy `available`: the incumbent, until a connector with
// a better name is ready to take over; without an incumbent the first running
// connector in the alphabetical order of names that can serve.
func Elect(now time.Time, v View) Result {
	running := v.running()
	order := v.order()
	if r, ok := handedOver(now, v, running); ok {
		return r
	}
	// The writer of the highest record is the incumbent; there is no other claim to
	// the office. In a hand-over that nobody took up within a deadline it is again.
	if w, ok := running[v.Record.Writer]; ok && w.CanServe && !w.Starting {
		return challenged(v.Record.Writer, order, running)
	}
	return first(order, running)
}

// running is everybody that I hear, or that somebody I hear lists as heard.
func (v View) running() map[site.FQDN]Word {
	out := map[site.FQDN]Word{}
	for _, direct := range v.Own.Hears {
		for other, told := range direct.Hears {
			out[other] = merge(out, other, told)
		}
	}
	maps.Copy(out, v.Own.Hears)
	out[v.Self] = v.Own
	for name := range out {
		if !slices.Contains(v.Zone, name) {
			delete(out, name)
		}
	}
	return out
}

// merge keeps the more cautious of two second-hand words.
func merge(known map[site.FQDN]Word, name site.FQDN, told Word) Word {
	was, ok := known[name]
	if !ok {
		return told
	}
	was.Starting = was.Starting || told.Starting
	was.Leaving = was.Leaving || told.Leaving
	was.CanServe = was.CanServe && told.CanServe
	return was
}

func (v View) order() []site.FQDN {
	order := slices.Clone(v.Zone)
	slices.Sort(order)
	return slices.Compact(order)
}

// handedOver: the last record of a hand-over names the next one, for a deadline.
func handedOver(now time.Time, v View, running map[site.FQDN]Word) (Result, bool) {
	next := v.Record.Successor
	if next == "" {
		return Result{}, false
	}
	if w := running[next]; w.candidate() && now.Sub(v.Held) <= v.Deadline {
		return Result{Elected: next, Reason: fmt.Sprintf("%s handed the office over to %s", v.Record.Writer, next)}, true
	}
	return Result{}, false
}

// challenged: the incumbent stays elected and, where there is one, names who is
// to take over: a better name, or anybody when the incumbent is leaving, but only
// while each of the two hears the other.
func challenged(incumbent site.FQDN, order []site.FQDN, running map[site.FQDN]Word) Result {
	leaving := running[incumbent].Leaving
	for _, name := range order {
		if name == incumbent {
			if leaving {
				continue
			}
			break
		}
		if w, ok := running[name]; ok && w.candidate() && mutual(running, name, incumbent) {
			return Result{Elected: incumbent, Successor: name, Reason: why(incumbent, name, leaving)}
		}
	}
	return Result{Elected: incumbent, Reason: holds(incumbent, order, running)}
}

func why(incumbent, next site.FQDN, leaving bool) string {
	if leaving {
		return fmt.Sprintf("%s is stopping and hands the office over to %s", incumbent, next)
	}
	return fmt.Sprintf("%s hands the office over to %s, which ranks before it", incumbent, next)
}

func holds(incumbent site.FQDN, order []site.FQDN, running map[site.FQDN]Word) string {
	return fmt.Sprintf("%s holds the office", incumbent) + absent(order, incumbent, running)
}

func mutual(running map[site.FQDN]Word, a, b site.FQDN) bool {
	_, ab := running[a].Hears[b]
	_, ba := running[b].Hears[a]
	return ab && ba
}

func first(order []site.FQDN, running map[site.FQDN]Word) Result {
	for _, name := range order {
		if w, ok := running[name]; ok && w.candidate() {
			reason := fmt.Sprintf("%s is the first running connector that can serve", name)
			return Result{Elected: name, Reason: reason + absent(order, name, running)}
		}
	}
	return Result{Reason: "no running connector can serve" + absent(order, "", running)}
}

// absent says of every name that ranks before the elected one why it is not.
func absent(order []site.FQDN, until site.FQDN, running map[site.FQDN]Word) string {
	var parts []string
	for _, name := range order {
		if name == until {
			break
		}
		parts = append(parts, string(name)+" "+state(running, name))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

func state(running map[site.FQDN]Word, name site.FQDN) string {
	w, ok := running[name]
	switch {
	case !ok:
		return "is not heard"
	case w.Starting:
		return "is starting"
	case w.Leaving:
		return "is stopping"
	case !w.CanServe && w.WhyNot != "":
		return "cannot serve: " + w.WhyNot
	case !w.CanServe:
		return "cannot serve"
	}
	return "is not heard both ways"
}
