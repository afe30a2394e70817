package sim

import (
	"fmt"
	"time"

	"understudy/agent"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

const ruleCallIn = "call-in"

// callIns holds invitations to their rules on both sides: desktops are deaf to terms
// that they have seen, and connectors that have not served for a second are silent.
func (w *watch) callIns(v *view) {
	for name, o := range v.connectors {
		was, seen := w.last[name]
		idle := w.lasting("idle "+string(name), v.now, !o.Office, time.Second)
		if seen && idle && !restarted(was, o) && o.Invited > was.Invited {
			w.broken(ruleCallIn, fmt.Sprintf("%s invites desktops, and has not served for a second", name))
		}
	}
}

// restarted: a count that begins anew.
func restarted(was, is agent.Observed) bool {
	return is.Starting || was.Starting || is.Invited < was.Invited
}

// invite sends a desktop the invitation of a broker that serves no longer.
func (w *watch) invite(m site.Machine, term uint64) {
	r := w.run
	if env.Sleep(r.ctx, r.odd("inviter "+string(m.Name), term, 20*time.Millisecond)) != nil {
		return
	}
	url := "http://" + r.hosts[string(m.Name)].ip.String() + ":" + desktopPort + "/m/" + string(m.Name)
	if err := r.request(storeName(m.Zone), url+"/v1/reregister", wire.Invitation{Term: term}); err == nil {
		w.broken(ruleCallIn, fmt.Sprintf("%s follows an invitation of term %d, which it has seen", m.Name, term))
	}
}
