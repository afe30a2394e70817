package broker

import (
	"strings"
	"unique"

	"understudy/site"
)

// callback is where a host is called. Those of a company differ by the machine's name
// alone: what is around the name exists once for all that have it.
type callback = unique.Handle[around]

type around struct {
	before, after string
	named         bool // the name is between them
}

func callbackOf(url string, machine site.FQDN) callback {
	before, after, named := strings.Cut(url, string(machine))
	return unique.Make(around{before, after, named})
}

// callback is the URL that the host registered.
func (e *Engine) callback(h *host) string {
	a := h.callback.Value()
	if !a.named {
		return a.before
	}
	return a.before + string(e.machine(h).Name) + a.after
}
