package agent

import (
	"cmp"

	"github.com/sirupsen/logrus"

	"understudy/console"
	"understudy/events"
	"understudy/site"
)

// tellDeed raises the event of a change that somebody asked the admin API for.
func (a *Agent) tellDeed(d console.Deed) {
	name, reason := events.AdminOrder, cmp.Or(d.Reason, "no reason was given")
	if d.Refused {
		name = events.AdminRefused
	}
	fields := logrus.Fields{"who": d.Name, "role": string(d.Role), "from": d.From, "what": d.What, "result": d.Result}
	if d.Said != "" {
		fields["said_by"] = d.Said
	}
	if d.Untold > 0 {
		fields["untold"] = d.Untold
	}
	a.log.raise(name, reason, fields)
}

// groupOf is the delivery group of a machine of the site in use.
func (a *Agent) groupOf(machine string) (string, bool) {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return "", false
	}
	defer snapshot.Release()
	m, ok := snapshot.Index.Machine(site.Canonical(machine))
	return m.Group, ok
}
