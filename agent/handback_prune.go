package agent

import (
	"context"
	"maps"

	"understudy/wire"
)

// pruneBatch is how many records are forgotten at once, so that launches need not
// wait for it.
const pruneBatch = 2000

// prune goes by the snapshots: what the one in use contains the cloud broker has, and
// what the one before it contains too is forgotten here; a roll-back loses nothing. A
// store of another history has what it says and no more. Of the own journal it must
// have acknowledged that too: in a folder that was put back from a backup other records
// have the names of those that it contains.
func (h *handback) prune(ctx context.Context, held map[string]uint64) error {
	history, records := h.contained()
	if history == "" {
		return nil
	}
	if err := h.learn(ctx, held, history, records); err != nil {
		return err
	}
	own, acknowledged := h.store.JournalID(), h.marked().Done
	for _, c := range records {
		if c.Journal == own {
			if err := h.store.Surpass(ctx, c.Sequence); err != nil {
				return err
			}
		}
	}
	if h.store.JournalRecords() < h.store.JournalLimit() { // a full journal has launches refused
		records = h.safe()
	}
	for _, c := range records {
		upTo := c.Sequence
		if c.Journal == own {
			upTo = min(upTo, acknowledged[own])
		}
		if held[c.Journal] == 0 || upTo <= h.pruned[c.Journal] {
			continue
		}
		if err := h.forget(ctx, c.Journal, upTo); err != nil {
			return err
		}
		h.pruned[c.Journal] = upTo
	}
	return nil
}

// learn takes over what the snapshot's store has.
func (h *handback) learn(ctx context.Context, held map[string]uint64, history string, records []wire.ContainedRecord) error {
	was := h.marked()
	mark := was
	mark.Done = map[string]uint64{}
	if was.History == history || was.History == "" {
		mark.Done = maps.Clone(was.Done)
	}
	for _, c := range records {
		acknowledged := !h.keeps && c.Journal == h.store.JournalID() && was.History == history
		if held[c.Journal] > 0 && !acknowledged {
			mark.Done[c.Journal] = max(mark.Done[c.Journal], min(c.Sequence, held[c.Journal]))
		}
	}
	mark.History = history
	if mark.History == was.History && maps.Equal(mark.Done, was.Done) {
		return nil
	}
	return h.remember(ctx, mark)
}

// forget removes records in parts.
func (h *handback) forget(ctx context.Context, journal string, upTo uint64) error {
	own := journal == h.store.JournalID()
	for n := pruneBatch; n == pruneBatch; {
		var err error
		if err = ctx.Err(); err != nil {
			return err
		}
		if own {
			n, err = h.store.PruneJournal(ctx, upTo, pruneBatch)
		} else {
			n, err = h.store.PruneMirrored(ctx, journal, upTo, pruneBatch)
		}
		if err != nil {
			return err
		}
	}
	if !own {
		return nil
	}
	return h.forgotten(ctx)
}

// firstKept is where the own journal begins; where none is kept, with the next record.
func firstKept(ctx context.Context, store journalStore) (first uint64, kept bool, err error) {
	held, _ := store.Held() // before: what comes meanwhile is not forgotten
	if first, kept, err = store.JournalFirst(ctx); !kept {
		first = held[store.JournalID()] + 1
	}
	return first, kept, err
}

// forgotten notes where the own journal begins now.
func (h *handback) forgotten(ctx context.Context) error {
	first, kept, err := firstKept(ctx, h.store)
	if err != nil {
		return err
	}
	if !kept {
		mark := h.marked()
		mark.Rejected, mark.Conflicts = 0, 0
		if err := h.remember(ctx, mark); err != nil {
			return err
		}
	}
	h.mu.Lock()
	h.first = first
	h.mu.Unlock()
	if h.store.JournalRecords() < h.store.JournalLimit() {
		h.journal.full.Store(false)
	}
	return nil
}

// Status says how far the own journal has been handed back.
func (h *handback) Status() wire.JournalStatus {
	s := wire.JournalStatus{ID: h.store.JournalID(), Records: h.store.JournalRecords(), Limit: h.store.JournalLimit()}
	s.Full = s.Records >= s.Limit
	held, _ := h.store.Held()
	h.mu.Lock()
	defer h.mu.Unlock()
	s.Rejected, s.Conflicts, s.Trouble = h.mark.Rejected, h.mark.Conflicts, h.trouble
	if first, done := max(h.first, 1), h.mark.Done[s.ID]; done >= first {
		s.HandedBack = min(s.Records, int(done-first+1))
	}
	for journal, last := range held {
		if journal != s.ID && h.mark.Done[journal] < last {
			s.Copies++
		}
	}
	return s
}

// Records is a page of the own journal, for operators.
func (h *handback) Records(ctx context.Context, after uint64, limit int) (wire.JournalPage, error) {
	records, err := h.store.JournalAfter(ctx, after, limit)
	if err != nil {
		return wire.JournalPage{}, err
	}
	page := wire.JournalPage{Journal: h.Status(), Items: []wire.JournalItem{}}
	done := h.marked().Done[h.store.JournalID()]
	for _, r := range records {
		page.Items = append(page.Items, wire.JournalItem{OutageRecord: onWire(r), HandedBack: r.Sequence <= done})
	}
	if len(records) == limit {
		page.Next = records[limit-1].Sequence
	}
	return page, nil
}
