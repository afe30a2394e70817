package desktop

import (
	"fmt"

	"understudy/site"
)

// standsWith keeps whose desktop this is now, for the headline.
func (r *registrar) standsWith(failing bool) {
	if broker := r.broker; !failing && broker != "" {
		r.with.Store(&broker)
		return
	}
	r.with.Store(nil)
}

// Headline says in a line with whom the machines are registered: "registered with
// cc01.example.test – 1 session", or of several machines how many are.
func (a *Agent) Headline() string {
	var with site.FQDN
	registered, sessions := 0, 0
	for _, m := range a.machines {
		sessions += len(m.now().Sessions)
		if broker := m.with.Load(); broker != nil {
			with = *broker
			registered++
		}
	}
	return standing(registered, len(a.machines), with) + " – " + count(sessions, "session")
}

func standing(registered, machines int, with site.FQDN) string {
	switch {
	case machines > 1:
		return fmt.Sprintf("%d of %d machines registered", registered, machines)
	case registered == 1:
		return "registered with " + string(with)
	}
	return "not registered"
}

func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
