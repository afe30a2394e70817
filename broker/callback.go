package broker

import (
	"strings"
	"unique"

	"understudy/site"
)

// callback is where a host is called. Those of a company differ by the machine's name
// alone: what is around the name exists once for all that have it.
type callback = unique.Handle[Around]

// Around is a URL of which the machine's name is left out.
type Around struct {
	Before, After string
	Named         bool // the name is between them
}

// AroundOf cuts the machine's name out of a URL.
func AroundOf(url string, machine site.FQDN) Around {
	before, after, named := strings.Cut(url, string(machine))
	return Around{before, after, named}
}

// Of is the URL of a machine.
func (a Around) Of(machine site.FQDN) string {
	if !a.Named {
		return a.Before
	}
	return a.Before + string(machine) + a.After
}

// callbackOf looks first whether it is as it was with the host before.
func (e *Engine) callbackOf(url string, machine site.FQDN) callback {
	if e.latest.Value().fits(url, machine) {
		return e.latest
	}
	return e.around(AroundOf(url, machine))
}

func (e *Engine) around(a Around) callback {
	if e.latest.Value() != a {
		e.latest = unique.Make(a)
	}
	return e.latest
}

// fits reports whether the URL is this around the name.
func (a Around) fits(url string, machine site.FQDN) bool {
	n, rest := len(a.Before), len(url)-len(a.After)
	return a.Named && rest-n == len(machine) && url[:n] == a.Before && url[n:rest] == string(machine) && url[rest:] == a.After
}

// callback is the URL that the host registered.
func (e *Engine) callback(h *host) string { return h.callback.Value().Of(e.machine(h).Name) }
