package agent

import (
	"fmt"

	"github.com/sirupsen/logrus"

	"understudy/datadir"
	"understudy/env"
	"understudy/events"
	"understudy/wire"
)

// Limits bound what clients and peers can use up; 0 means the defaults of env.
type Limits struct {
	// Connections bounds the connections of a listener, OfSource those of one address.
	Connections, OfSource int
}

// roomOf is the room of one listener, that part of the file descriptors at most.
func (a *Agent) roomOf(name string, share int) env.Room {
	told := func(event events.Name) func(string) {
		return func(reason string) {
			a.log.raise(event, fmt.Sprintf("the %s listener: %s", name, reason), logrus.Fields{"listener": name})
		}
	}
	return env.Room{
		Share: share, Connections: a.o.Limits.Connections, OfSource: a.o.Limits.OfSource,
		Full: told(events.ConnectionsFull), Guessed: told(events.SourceHeldBack),
	}
}

// listenerStatus counts the connections of the listeners.
func (a *Agent) listenerStatus() []wire.ListenerStatus {
	var all []wire.ListenerStatus
	for _, l := range a.listeners {
		all = append(all, a.statusOf(l))
	}
	return all
}

func (a *Agent) statusOf(l *listener) wire.ListenerStatus {
	n := l.net.Count()
	return wire.ListenerStatus{
		Listener: l.name, Connections: n.Open, Limit: n.Room, Sources: n.Sources, LimitPerSource: n.OfSource,
		Largest: n.Largest, OfLargest: n.OfLargest, Closed: n.Closed, Refused: n.Refused, HeldBack: n.HeldBack,
	}
}

// tellExposed names the secrets that other users of the host may read, and the files of
// the data folder that they could get at until this start.
func (a *Agent) tellExposed() {
	for _, file := range a.o.Exposed {
		a.log.raise(events.SecretExposed, datadir.ExposedSecret(file), logrus.Fields{"file": file})
	}
	for _, file := range a.lock.Mended {
		a.log.raise(events.SecretExposed, "other users of this host could get at "+file+" in the data folder; from now on they cannot", logrus.Fields{"file": file})
	}
}
