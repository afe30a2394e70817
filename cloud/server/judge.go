package server

import (
	"fmt"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// Bounds of what a record says.
const (
	maxRecordText = 1024
	maxReason     = wire.MaxDetail
)

// judge decides what becomes of a record that a connector of a zone hands back:
// only an assignment changes anything, and the site's word stands (LHC-36). owner is
// whom a launch made the machine's owner, where the site names none.
func judge(r wire.OutageRecord, zone string, index *site.Index, owner string) (wire.RecordOutcome, string) {
	if why := unfit(r, zone); why != "" {
		return wire.RecordRejected, why
	}
	if broker.RecordKind(r.Kind) != broker.Assignment {
		return wire.RecordApplied, ""
	}
	if what := changedSince(r, index, owner); what != "" {
		return wire.RecordConflict, what
	}
	return wire.RecordApplied, ""
}

// unfit says why a record makes no sense; empty: it does.
func unfit(r wire.OutageRecord, zone string) string {
	kind := broker.RecordKind(r.Kind)
	switch {
	case !(broker.Record{Kind: kind}).Durable():
		return fmt.Sprintf("its kind %q is none of a durable record", wire.Clip(r.Kind))
	case r.Machine == "":
		return "it names no machine"
	case r.Zone != zone:
		return fmt.Sprintf("it is of zone %q, and a connector of zone %q hands it back", wire.Clip(r.Zone), zone)
	case max(len(r.Group), len(r.Session), len(r.Resource)) > maxRecordText || len(r.Reason) > maxReason:
		return "it is too long"
	case (kind == broker.Launched || kind == broker.LoggedOff) && r.Session == "":
		return "it names no session"
	case kind == broker.Launched || kind == broker.Assignment || r.User != "":
		if fault := site.NameFault(r.User); fault != "" {
			return "its user " + fault
		}
	}
	return ""
}

// changedSince says what the cloud broker has made of the machine meanwhile; empty:
// nothing that matters.
func changedSince(r wire.OutageRecord, index *site.Index, owner string) string {
	m, ok := index.Machine(r.Machine)
	if !ok {
		return fmt.Sprintf("%s was given to %s in the outage, and is no longer in the site", r.Machine, r.User)
	}
	if m.AssignedUser != "" {
		owner = m.AssignedUser
	}
	group, _ := index.Group(m.Group)
	switch {
	case m.Zone != r.Zone || m.Group != r.Group:
		return fmt.Sprintf("%s was given to %s in the outage, and is in group %s of zone %s now", r.Machine, r.User, m.Group, m.Zone)
	case group.Kind != site.Assigned:
		return fmt.Sprintf("%s was given to %s in the outage, and group %s has no assigned desktops now", r.Machine, r.User, m.Group)
	case owner != "" && site.UserKey(owner) != site.UserKey(r.User):
		return fmt.Sprintf("%s was given to %s in the outage, and belongs to %s now", r.Machine, r.User, owner)
	}
	return ""
}
