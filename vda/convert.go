package vda

import (
	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

func registration(r wire.Registration) broker.Registration {
	return broker.Registration{
		Machine: r.Machine, Zone: r.Zone, AgentVersion: r.AgentVersion, Protocol: r.Protocol, Callback: r.Callback,
		Capacity: r.Capacity, Load: r.Load, Term: r.Term, Used: r.Used, AssignedUser: r.AssignedUser,
		Sessions: sessions(r.Sessions),
	}
}

func heartbeat(h wire.Heartbeat) broker.Heartbeat {
	b := broker.Heartbeat{Load: h.Load, Term: h.Term, Used: h.Used, AssignedUser: h.AssignedUser}
	if h.Sessions != nil {
		list := sessions(*h.Sessions)
		b.Sessions = &list
	}
	return b
}

func report(r wire.SessionReport) broker.Report {
	return broker.Report{Seq: r.Seq, Event: broker.SessionEvent(r.Event), Session: session(r.Session), Used: r.Used}
}

func sessions(list []wire.Session) []broker.Session {
	converted := make([]broker.Session, 0, len(list))
	for _, s := range list {
		converted = append(converted, session(s))
	}
	return converted
}

func session(s wire.Session) broker.Session {
	return broker.Session{ID: s.ID, User: s.User, Resource: s.Resource, State: broker.SessionState(s.State), Started: s.Started}
}

func (a *API) wireLease(l broker.Lease) wire.Lease {
	return wire.Lease{
		Lease: l.ID, Broker: l.Broker, Term: l.Term, Interval: site.Duration(l.Interval), Lifetime: site.Duration(l.Lifetime),
		Connectors: a.o.Connectors(l.Zone), AssignedUser: l.AssignedUser,
	}
}
