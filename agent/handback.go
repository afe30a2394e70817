package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/wire"
	"understudy/zone"
)

// handbackRest bounds the wait after failures.
const handbackRest = time.Minute

// journalStore is what the hand-back needs of the state database. The journals are
// the own one and those that were mirrored.
type journalStore interface {
	JournalID() string
	JournalRecords() int
	JournalLimit() int
	Held() (last map[string]uint64, next <-chan struct{})
	JournalFirst(ctx context.Context) (uint64, bool, error)
	JournalAfter(ctx context.Context, after uint64, limit int) ([]broker.Record, error)
	MirroredAfter(ctx context.Context, journal string, after uint64, limit int) ([]broker.Record, error)
	PruneJournal(ctx context.Context, upTo uint64, limit int) (int, error)
	PruneMirrored(ctx context.Context, journal string, upTo uint64, limit int) (int, error)
	SaveHandback(ctx context.Context, h localdb.Handback) error
	Surpass(ctx context.Context, sequence uint64) error
}

// handback gives the records of outages to the cloud broker, in order and each once,
// and forgets them when a snapshot in use contains them (NEW-04). It runs beside
// everything else: nothing waits for it.
type handback struct {
	store journalStore
	send  func(ctx context.Context, batch wire.RecordBatch) ([]wire.RecordAnswer, error)
	// allowed says whether the zone's state lets records go.
	allowed func() bool
	// contained is what the snapshot in use contains, and its history; empty without one.
	contained func() (history string, records []wire.ContainedRecord)
	// safe is what all kept snapshots contain.
	safe func() []wire.ContainedRecord
	// patience is how long the copies of others' records wait: who made them hands
	// them back too, if it can.
	patience time.Duration
	// keeps says that nobody takes records.
	keeps   bool
	gate    func(context.Context) error
	due     func() <-chan struct{} // the next round
	rand    io.Reader
	log     *log
	journal *journal

	// What follows belongs to run.
	failures int
	resume   time.Time         // not before the cloud broker asked
	since    time.Time         // that records may go; zero: they may not
	handed   int               // since the last time that all was done
	bad      int               // of them not applied
	pruned   map[string]uint64 // up to where, by journal

	mu      sync.Mutex // guards what follows
	mark    localdb.Handback
	first   uint64 // the oldest own record that is kept; 0: none is known
	trouble string
}

func (a *Agent) newHandback(ctx context.Context) (*handback, error) {
	mark, err := a.state.LoadHandback(ctx)
	if err != nil {
		return nil, err
	}
	first, _, err := firstKept(ctx, a.state)
	if err != nil {
		return nil, err
	}
	h := &handback{
		store: a.state, mark: mark, first: first, gate: a.o.Env.Gate, due: a.chores.add(), rand: a.o.Env.Rand("handback"), log: a.log, journal: a.journal,
		send: func(ctx context.Context, batch wire.RecordBatch) ([]wire.RecordAnswer, error) {
			return a.cloudNow().HandBack(ctx, batch)
		},
		allowed:   func() bool { s := a.stance.Load(); return !s.starting && mayHandBack(s.state) },
		contained: a.containedRecords, safe: a.snapshots.Contained, patience: a.o.SyncInterval, pruned: map[string]uint64{},
	}
	if a.o.Upstream != nil {
		h.keepOnly()
	}
	return h, nil
}

// mayHandBack: from PendingRecovery on the cloud broker is well again; an outage
// pauses the hand-back.
func mayHandBack(s zone.State) bool { return s == zone.PendingRecovery || s == zone.Normal }

func (a *Agent) containedRecords() (string, []wire.ContainedRecord) {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return "", nil
	}
	defer snapshot.Release()
	return snapshot.Version.History, snapshot.Records
}

// run hands back until ctx ends.
func (h *handback) run(ctx context.Context) {
	for h.gate(ctx) == nil {
		due := h.due()
		h.round(ctx)
		select {
		case <-ctx.Done():
			return
		case <-due:
		}
	}
}

// round does what there is to do: for each journal, the own one first.
func (h *handback) round(ctx context.Context) {
	h.open()
	held, _ := h.store.Held()
	err := h.prune(ctx, held)
	if err == nil {
		err = h.handBack(ctx, held)
	}
	if err != nil && ctx.Err() == nil {
		h.failed(err)
	}
}

// open notes since when records may go.
func (h *handback) open() {
	switch {
	case !h.allowed():
		h.since = time.Time{}
	case h.since.IsZero():
		h.since = time.Now()
	}
}

func (h *handback) may(journal string) bool {
	now := time.Now()
	if h.since.IsZero() || now.Before(h.resume) || !h.allowed() {
		return false
	}
	return journal == h.store.JournalID() || now.Sub(h.since) >= h.patience
}

func (h *handback) handBack(ctx context.Context, held map[string]uint64) error {
	own := h.store.JournalID()
	if err := h.all(ctx, own, held[own]); err != nil {
		return err
	}
	if h.marked().Done[own] >= held[own] {
		h.done()
	}
	for _, journal := range slices.Sorted(maps.Keys(held)) {
		if journal == own {
			continue
		}
		if err := h.all(ctx, journal, held[journal]); err != nil {
			return err
		}
	}
	return nil
}

// all hands a journal back up to a record, as long as it may.
func (h *handback) all(ctx context.Context, journal string, last uint64) error {
	for h.marked().Done[journal] < last && h.may(journal) {
		if err := h.batch(ctx, journal, last); err != nil {
			return err
		}
	}
	return nil
}

// batch hands back the next records, and remembers durably what was acknowledged.
func (h *handback) batch(ctx context.Context, journal string, last uint64) error {
	if err := h.gate(ctx); err != nil {
		return err
	}
	mark := h.marked()
	records, err := h.after(ctx, journal, mark.Done[journal])
	if err != nil {
		return err
	}
	if len(records) == 0 {
		mark.Done[journal] = last // they were pruned
		return h.remember(ctx, mark)
	}
	records = fitting(records)
	answers, err := h.send(ctx, h.batchOf(records))
	if err != nil {
		return err
	}
	h.worked()
	bad := 0
	if journal == h.store.JournalID() {
		bad = h.judge(answers, &mark)
		h.handed += len(answers)
	}
	mark.Done[journal] = records[len(records)-1].Sequence
	if err := h.remember(ctx, mark); err != nil {
		return err
	}
	h.bad += bad
	return nil
}

func (h *handback) after(ctx context.Context, journal string, sequence uint64) ([]broker.Record, error) {
	if journal == h.store.JournalID() {
		return h.store.JournalAfter(ctx, sequence, handbackBatch)
	}
	return h.store.MirroredAfter(ctx, journal, sequence, handbackBatch)
}

// judge counts what was not applied, and tells of the first of each kind.
func (h *handback) judge(answers []wire.RecordAnswer, mark *localdb.Handback) int {
	var rejected, conflicts []wire.RecordAnswer
	for _, a := range answers {
		switch a.Final() {
		case wire.RecordRejected:
			rejected = append(rejected, a)
		case wire.RecordConflict:
			conflicts = append(conflicts, a)
		case wire.RecordApplied, wire.RecordDuplicate:
		}
	}
	mark.Rejected += len(rejected)
	mark.Conflicts += len(conflicts)
	h.tell(events.RecordRejected, rejected)
	h.tell(events.RecordConflict, conflicts)
	return len(rejected) + len(conflicts)
}

func (h *handback) tell(name events.Name, answers []wire.RecordAnswer) {
	if len(answers) == 0 {
		return
	}
	first := answers[0]
	reason := fmt.Sprintf("record %d: %s", first.Sequence, wire.Clip(first.What))
	if n := len(answers) - 1; n > 0 {
		reason += fmt.Sprintf("; and %d more", n)
	}
	h.log.raise(name, reason, logrus.Fields{"journal": first.Journal, "sequence": first.Sequence})
}

// done tells once that everything of the own journal has been handed back.
func (h *handback) done() {
	if h.handed == 0 {
		return
	}
	h.log.raise(events.HandbackDone, fmt.Sprintf("%d records were handed back, %d of them were not applied", h.handed, h.bad),
		logrus.Fields{"records": h.handed, "not_applied": h.bad})
	h.handed, h.bad = 0, 0
}

func (h *handback) worked() {
	h.failures = 0
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trouble = ""
}

// failed tells of a trouble once, and waits as long as the cloud broker asks, else
// longer each time.
func (h *handback) failed(err error) {
	h.failures++
	reason := wire.ClipError(err).Error()
	h.mu.Lock()
	first := h.trouble == ""
	h.trouble = reason
	h.mu.Unlock()
	if first {
		h.log.raise(events.HandbackTrouble, reason, logrus.Fields{})
	}
	wait := min(choreEvery<<min(h.failures, 10), handbackRest)
	if p, ok := errors.AsType[*wire.Problem](err); ok && p.RetryAfter > 0 {
		wait = p.RetryAfter
	}
	h.resume = time.Now().Add(env.Jitter(h.rand, wait+wait/10, 0.09)) // never sooner than asked
}

// marked is what was remembered last, in a copy.
func (h *handback) marked() localdb.Handback {
	h.mu.Lock()
	defer h.mu.Unlock()
	mark := h.mark
	mark.Done = maps.Clone(mark.Done)
	if mark.Done == nil {
		mark.Done = map[string]uint64{}
	}
	return mark
}

// remember makes the mark durable before it is gone by: what is not remembered is
// handed back again, and is a duplicate then.
func (h *handback) remember(ctx context.Context, mark localdb.Handback) error {
	if err := h.store.SaveHandback(context.WithoutCancel(ctx), mark); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mark = mark
	return nil
}
