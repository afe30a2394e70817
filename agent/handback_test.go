package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/broker"
	"understudy/events"
	"understudy/localdb"
	"understudy/wire"
)

// paper is a journal in memory.
type paper struct {
	records []broker.Record
	copies  []broker.Record // of journal j2
	last    uint64
	saved   localdb.Handback
	saveErr error
	limit   int
}

func (p *paper) JournalID() string   { return "j1" }
func (p *paper) JournalRecords() int { return len(p.records) }
func (p *paper) JournalLimit() int   { return p.limit }

func (p *paper) Held() (map[string]uint64, <-chan struct{}) {
	held := map[string]uint64{"j1": p.last}
	if n := len(p.copies); n > 0 {
		held["j2"] = p.copies[n-1].Sequence
	}
	return held, nil
}

func (p *paper) JournalFirst(context.Context) (uint64, bool, error) {
	if len(p.records) == 0 {
		return 0, false, nil
	}
	return p.records[0].Sequence, true, nil
}

func (p *paper) JournalAfter(_ context.Context, after uint64, limit int) ([]broker.Record, error) {
	return pageOf(p.records, after, limit), nil
}

func (p *paper) MirroredAfter(_ context.Context, _ string, after uint64, limit int) ([]broker.Record, error) {
	return pageOf(p.copies, after, limit), nil
}

func (p *paper) PruneMirrored(context.Context, string, uint64, int) (int, error) {
	p.copies = nil
	return 1, nil
}

func pageOf(records []broker.Record, after uint64, limit int) []broker.Record {
	var page []broker.Record
	for _, r := range records {
		if r.Sequence > after && len(page) < limit {
			page = append(page, r)
		}
	}
	return page
}

func (p *paper) PruneJournal(_ context.Context, upTo uint64, limit int) (int, error) {
	n := 0
	for len(p.records) > 0 && p.records[0].Sequence <= upTo && n < limit {
		p.records = p.records[1:]
		n++
	}
	return n, nil
}

func (p *paper) SaveHandback(_ context.Context, h localdb.Handback) error {
	if p.saveErr == nil {
		p.saved = h
	}
	return p.saveErr
}

func (p *paper) Surpass(_ context.Context, sequence uint64) error {
	p.last = max(p.last, sequence)
	return nil
}

func (p *paper) write(n int) {
	for range n {
		p.last++
		p.records = append(p.records, broker.Record{Origin: "cc1.example", Journal: "j1", Sequence: p.last, Kind: broker.Launched})
	}
}

// desk is the whole of a hand-back with what it talks to.
type desk struct {
	*handback
	baton
	agent     *Agent
	paper     *paper
	got       []uint64 // sequences, in the order in which they came
	forgot    uint64   // as the cloud broker was told
	answer    func(r wire.OutageRecord) wire.RecordAnswer
	refuse    error
	open      bool
	history   string
	contained uint64
	before    *uint64 // what the older generation contains, if there is one
}

func newDesk(records int) *desk {
	d := &desk{agent: muted(Options{}), paper: &paper{limit: 1000}, open: true, history: "h1"}
	d.paper.write(records)
	d.restart()
	return d
}

// restart begins again with what is durable.
func (d *desk) restart() {
	d.handback = &handback{
		store: d.paper, mark: d.paper.saved, log: d.agent.log, journal: &journal{log: d.agent.log}, rand: strings.NewReader(strings.Repeat("random", 1000)),
		pruned: map[string]uint64{}, patience: time.Minute, due: eachSecond,
		gate:      d.baton.gate,
		allowed:   func() bool { return d.open },
		contained: d.containedNow,
		safe:      d.safeNow,
		send: func(_ context.Context, b wire.RecordBatch) ([]wire.RecordAnswer, error) {
			return d.take(b)
		},
	}
	d.first, _, _ = firstKept(context.Background(), d.paper)
}

func (d *desk) containedNow() (string, []wire.ContainedRecord) {
	return d.history, []wire.ContainedRecord{{Origin: "cc1.example", Journal: "j1", Sequence: d.contained}, {Journal: "another", Sequence: 999}}
}

func (d *desk) safeNow() []wire.ContainedRecord {
	_, records := d.containedNow()
	if d.before != nil {
		records[0].Sequence = min(records[0].Sequence, *d.before)
	}
	return records
}

func (d *desk) take(b wire.RecordBatch) ([]wire.RecordAnswer, error) {
	if d.refuse != nil {
		return nil, d.refuse
	}
	for _, p := range b.Pruned {
		d.forgot = p.Sequence
	}
	var answers []wire.RecordAnswer
	for _, r := range b.Records {
		d.got = append(d.got, r.Sequence)
		a := wire.RecordAnswer{Journal: r.Journal, Sequence: r.Sequence, Outcome: wire.RecordApplied}
		if d.answer != nil {
			a = d.answer(r)
		}
		answers = append(answers, a)
	}
	return answers, nil
}

func upTo(n int) []uint64 {
	var list []uint64
	for i := range n {
		list = append(list, uint64(i+1))
	}
	return list
}

// NEW-04: in order, each once, remembered durably; told of once when all is done.
func TestHandbackInOrder(t *testing.T) {
	d := newDesk(2*handbackBatch + 7)
	d.round(t.Context())
	d.round(t.Context())
	if want := upTo(2*handbackBatch + 7); !slices.Equal(d.got, want) || d.paper.saved.Done["j1"] != uint64(len(want)) {
		t.Errorf("%d records came, %d are remembered", len(d.got), d.paper.saved.Done["j1"])
	}
	d.restart()
	d.round(t.Context())
	if s := d.Status(); len(d.got) != s.Records || s.HandedBack != s.Records {
		t.Errorf("after a restart %d records came, status %+v", len(d.got), s)
	}
	if got := d.agent.raised(); !slices.Equal(got, []events.Name{events.HandbackDone}) {
		t.Errorf("raised %q", got)
	}
}

// NEW-04: a body is bounded, so what is long goes in smaller batches; nothing is left
// behind for it.
func TestLongRecordsGoInSmallerBatches(t *testing.T) {
	d := newDesk(handbackBatch)
	for i := range d.paper.records {
		d.paper.records[i].User = strings.Repeat("\x01", 2000+i) // six bytes each, as JSON
	}
	d.paper.records[7].User = strings.Repeat("\x01", 60<<10)
	send := d.send
	d.send = func(ctx context.Context, b wire.RecordBatch) ([]wire.RecordAnswer, error) {
		if body, err := json.Marshal(b); err != nil || len(body) > wire.MaxBody {
			t.Errorf("a batch has %d bytes (%v), at most %d are taken", len(body), err, wire.MaxBody)
		}
		return send(ctx, b)
	}
	d.round(t.Context())
	if !slices.Equal(d.got, upTo(handbackBatch)) {
		t.Errorf("%d records came, want %d in order", len(d.got), handbackBatch)
	}
}

// NEW-04: what was acknowledged and not remembered is handed back again; the status
// counts what became of it first.
func TestHandbackIsRepeatedUnlessRemembered(t *testing.T) {
	d := newDesk(3)
	d.paper.saveErr = errors.New("no space")
	d.history = "" // nothing else is saved
	d.round(t.Context())
	if d.Status().HandedBack != 0 {
		t.Error("what could not be remembered counts as handed back")
	}
	d.paper.saveErr = nil
	d.answer = func(r wire.OutageRecord) wire.RecordAnswer {
		return wire.RecordAnswer{Journal: "j1", Sequence: r.Sequence, Outcome: wire.RecordDuplicate, First: wire.RecordRejected}
	}
	d.restart()
	d.round(t.Context())
	if want := []uint64{1, 2, 3, 1, 2, 3}; !slices.Equal(d.got, want) || d.Status().HandedBack != 3 || d.Status().Rejected != 3 {
		t.Errorf("%v came, status %+v", d.got, d.Status())
	}
}

// NEW-04: a new outage pauses the hand-back, between two batches too.
func TestOutagePausesHandback(t *testing.T) {
	d := newDesk(2 * handbackBatch)
	d.answer = func(r wire.OutageRecord) wire.RecordAnswer {
		d.open = false
		return wire.RecordAnswer{Journal: "j1", Sequence: r.Sequence, Outcome: wire.RecordApplied}
	}
	d.round(t.Context())
	d.round(t.Context())
	if len(d.got) != handbackBatch {
		t.Errorf("%d records went, want one batch", len(d.got))
	}
	d.open = true
	d.round(t.Context())
	d.open = true
	d.round(t.Context())
	if !slices.Equal(d.got, upTo(2*handbackBatch)) {
		t.Errorf("%d records went in the end", len(d.got))
	}
}

// NEW-04: Retry-After is honoured; trouble is told of once, and the hand-back goes
// on by itself.
func TestHandbackWaitsAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, "later")
		p.RetryAfter = 30 * time.Second
		d.refuse = fmt.Errorf("hand back: %w", p)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); d.run(ctx) }()
		synctest.Wait()
		d.refuse = nil
		d.rest(29 * time.Second)
		if len(d.got) > 0 {
			t.Error("the record came before the cloud broker wanted it")
		}
		d.rest(6 * time.Second)
		if len(d.got) != 1 || d.Status().Trouble != "" {
			t.Errorf("%d records came, status %+v", len(d.got), d.Status())
		}
		cancel()
		<-ended
		if got := d.agent.raised(); !slices.Equal(got, []events.Name{events.HandbackTrouble, events.HandbackDone}) {
			t.Errorf("raised %q", got)
		}
	})
}

// NEW-04: "connectors prune only what a snapshot that they use contains", also what
// the cloud broker has acknowledged.
func TestPruneWhatIsContained(t *testing.T) {
	d := newDesk(10)
	d.round(t.Context())
	if len(d.paper.records) != 10 {
		t.Errorf("%d records are left, though no snapshot contains any", len(d.paper.records))
	}
	d.contained = 4
	d.round(t.Context())
	if first := d.paper.records[0].Sequence; first != 5 || d.Status().Records != 6 || d.Status().HandedBack != 6 {
		t.Errorf("the first record is %d, status %+v", first, d.Status())
	}
	d.paper.write(1)
	d.round(t.Context())
	if d.forgot != 4 || d.got[len(d.got)-1] != 11 {
		t.Errorf("said that up to %d is forgotten, last came %d", d.forgot, d.got[len(d.got)-1])
	}
	d.contained = 11
	d.round(t.Context())
	if s := d.Status(); s.Records != 0 || s.HandedBack != 0 {
		t.Errorf("status %+v, want nothing left", s)
	}
}

// NEW-04: a store that was put back from a backup gets again what it has lost.
func TestHandbackToARestoredStore(t *testing.T) {
	d := newDesk(6)
	d.contained = 2
	d.round(t.Context())
	d.got, d.history, d.contained = nil, "h2", 3
	d.round(t.Context())
	if !slices.Equal(d.got, []uint64{4, 5, 6}) {
		t.Errorf("%v came, want what the restored store does not contain", d.got)
	}
}

// NEW-04: the same after a restart of a connector that had forgotten all of its records:
// the store learns that it need not wait for those, or it would contain no later one.
func TestRestoredStoreLearnsWhatIsForgotten(t *testing.T) {
	d := newDesk(3)
	d.round(t.Context())
	d.contained = 3
	d.round(t.Context())
	d.restart()
	d.paper.write(1)
	d.history, d.contained = "h2", 0
	d.round(t.Context())
	if d.got = d.got[3:]; !slices.Equal(d.got, []uint64{4}) || d.forgot != 3 {
		t.Errorf("%v came, and that up to %d all is forgotten; want 4, and 3", d.got, d.forgot)
	}
}

// NEW-04: a connector whose folder was put back from a backup gives no name twice, and
// does not take for handed back what only has the name of what was.
func TestHandbackFromARestoredFolder(t *testing.T) {
	d := newDesk(3)
	d.paper.saved = localdb.Handback{History: "h1"}
	d.restart()
	d.contained, d.open = 10, false
	d.round(t.Context())
	d.round(t.Context())
	d.paper.write(1)
	d.open = true
	d.round(t.Context())
	if !slices.Equal(d.got, []uint64{1, 2, 3, 11}) {
		t.Errorf("%v came, want every record, the new one with a name of its own", d.got)
	}
}

// NEW-04: "from every connector that holds records": the copies of others' go a while
// later, because those who made them hand them back too; contained ones do not go.
func TestHandbackOfCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(1)
		for n := range 3 {
			d.paper.copies = append(d.paper.copies, broker.Record{Origin: "cc2.example", Journal: "j2", Sequence: uint64(n + 5)})
		}
		d.round(t.Context())
		if len(d.got) != 1 || d.Status().Copies != 1 {
			t.Errorf("%v came at once, status %+v", d.got, d.Status())
		}
		<-time.After(d.patience)
		d.round(t.Context())
		if !slices.Equal(d.got, []uint64{1, 5, 6, 7}) || d.pruned["j2"] != 0 || d.Status().Copies != 0 {
			t.Errorf("%v came in the end, status %+v", d.got, d.Status())
		}
	})
}

// NEW-04: rejected records and conflicts are told of and counted, and do not hold up
// the rest.
func TestHandbackOfWhatIsNotApplied(t *testing.T) {
	d := newDesk(4)
	d.answer = func(r wire.OutageRecord) wire.RecordAnswer {
		a := wire.RecordAnswer{Journal: "j1", Sequence: r.Sequence, Outcome: wire.RecordApplied}
		switch r.Sequence {
		case 1, 2:
			a.Outcome, a.What = wire.RecordRejected, "it makes no sense"
		case 3:
			a.Outcome, a.What = wire.RecordConflict, "it is bob's"
		}
		return a
	}
	d.round(t.Context())
	if s := d.Status(); s.HandedBack != 4 || s.Rejected != 2 || s.Conflicts != 1 {
		t.Errorf("status %+v", s)
	}
	if got := d.agent.raised(); !slices.Equal(got, []events.Name{events.RecordRejected, events.RecordConflict, events.HandbackDone}) {
		t.Errorf("raised %q", got)
	}
}

// NEW-04: "journal full: launches are refused with a clear problem, never
// acknowledged and lost"; the event comes once. It is no failure of the disk.
func TestFullJournalRefuses(t *testing.T) {
	a, k := muted(Options{}), &kept{err: fmt.Errorf("record: %w", localdb.ErrJournalFull)}
	j := &journal{store: k, log: a.log, failed: func(time.Time, error) { t.Error("the disk is said to have failed") }}
	for range 2 {
		if err := j.Record(t.Context(), []broker.Record{{Kind: broker.Launched}}); !wire.IsCode(err, wire.CodeJournalFull) {
			t.Errorf("got %v", err)
		}
	}
	if got := a.raised(); !slices.Equal(got, []events.Name{events.JournalFull}) {
		t.Errorf("raised %q", got)
	}
}

// NEW-04, NEW-06: what only the newest generation contains is kept, because a roll-back
// goes to one that lacks it; unless the journal is full.
func TestPruneNothingThatARollBackNeeds(t *testing.T) {
	d := newDesk(10)
	d.round(t.Context())
	older := uint64(4)
	d.contained, d.before = 8, &older
	d.round(t.Context())
	if first := d.paper.records[0].Sequence; first != 5 {
		t.Errorf("the first record is %d, want 5: the generation before contains those up to 4", first)
	}
	d.paper.limit = len(d.paper.records)
	d.round(t.Context())
	if first := d.paper.records[0].Sequence; first != 9 {
		t.Errorf("the journal is full and begins with %d, want 9: the snapshot in use contains those up to 8", first)
	}
}
