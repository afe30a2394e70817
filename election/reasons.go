package election

import (
	"fmt"
	"strings"
	"time"

	"understudy/site"
)

// why says why the incumbent hands over.
func (v View) why(next site.FQDN, running map[site.FQDN]Word) string {
	incumbent := v.Record.Writer
	switch w := running[incumbent]; {
	case w.Leaving:
		return fmt.Sprintf("%s is stopping and hands the office over to %s", incumbent, next)
	case w.Draining:
		return fmt.Sprintf("%s is draining and hands the office over to %s", incumbent, next)
	case v.standby(incumbent) && !v.standby(next):
		return fmt.Sprintf("%s is a standby and hands the office over to %s", incumbent, next)
	}
	return fmt.Sprintf("%s hands the office over to %s, which ranks before it", incumbent, next)
}

// absent says of everybody who ranks before the elected one why it is not.
func (v View) absent(order []site.FQDN, until site.FQDN, running map[site.FQDN]Word) string {
	var parts []string
	for _, name := range order {
		if name == until {
			break
		}
		parts = append(parts, string(name)+" "+v.state(name, running))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, ", ")
}

func (v View) state(name site.FQDN, running map[site.FQDN]Word) string {
	w, ok := running[name]
	wait, waits := v.Waiting[name]
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
	case v.Policy == site.Majority && v.standby(name):
		return "is a standby, which serves under this policy only when it is promoted"
	case v.standby(name) && v.activeStarting(running):
		return "is a standby and waits for those that are starting"
	case !v.electable(name, running):
		return "is not heard by a majority"
	case waits:
		return fmt.Sprintf("lost the office and must be present for %s more", wait.Round(time.Second))
	case v.Record.Writer != "" && !mutual(running, name, v.Record.Writer):
		return "is not heard both ways"
	}
	return "does not preempt"
}
