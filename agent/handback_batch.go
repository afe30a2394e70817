package agent

import (
	"understudy/broker"
	"understudy/wire"
)

const (
	// handbackBatch is how many records go at once, if they are no more than
	// handbackBytes on the wire.
	handbackBatch = 200
	handbackBytes = wire.MaxBody / 2
)

// fitting are as many of the records as a body can hold; at least one.
func fitting(records []broker.Record) []broker.Record {
	size := 0
	for i, r := range records {
		text := len(r.Origin) + len(r.Journal) + len(r.Machine) + len(r.Zone) + len(r.Group) + len(r.User) + len(r.Session) + len(r.Resource) + len(r.Reason)
		if size += 512 + 6*text; size > handbackBytes && i > 0 { // a byte takes six at most
			return records[:i]
		}
	}
	return records
}

// batchOf says of the own journal what it has forgotten; of others' this connector
// may never have had the beginning.
func (h *handback) batchOf(records []broker.Record) wire.RecordBatch {
	b := wire.RecordBatch{Records: make([]wire.OutageRecord, len(records))}
	for i, r := range records {
		b.Records[i] = onWire(r)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.first > 1 && records[0].Journal == h.store.JournalID() {
		b.Pruned = []wire.ContainedRecord{{Origin: records[0].Origin, Journal: records[0].Journal, Sequence: h.first - 1}}
	}
	return b
}

func onWire(r broker.Record) wire.OutageRecord {
	return wire.OutageRecord{
		Origin: r.Origin, Journal: r.Journal, Sequence: r.Sequence, At: r.At, Kind: string(r.Kind), Machine: r.Machine, Zone: r.Zone, Group: r.Group,
		User: r.User, Session: r.Session, Resource: r.Resource, Used: r.Used, Reason: r.Reason,
	}
}
