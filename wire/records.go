package wire

import (
	"errors"
	"fmt"
	"time"

	"understudy/site"
)

// MaxRecords bounds one batch of records, and one page of them.
const MaxRecords = 500

// maxRecordName bounds the names of journals.
const maxRecordName = 128

// OutageRecord is one durable record of an outage, as it is handed back
// (POST /cloud/v1/sites/{site}/records). Origin, Journal and Sequence name it for
// good.
type OutageRecord struct {
	Origin   site.FQDN `json:"origin"`
	Journal  string    `json:"journal"`
	Sequence uint64    `json:"sequence"`
	At       time.Time `json:"at,omitzero"`
	Kind     string    `json:"kind"` // launch | logoff | used | assignment
	Machine  site.FQDN `json:"machine,omitempty"`
	Zone     string    `json:"zone,omitempty"`
	Group    string    `json:"group,omitempty"`
	User     string    `json:"user,omitempty"`
	Session  string    `json:"session,omitempty"`
	Resource string    `json:"resource,omitempty"`
	Used     bool      `json:"used,omitempty"`
	Reason   string    `json:"reason,omitempty"`
}

// Validate says what is wrong with the record's name: one without cannot be kept,
// not even as a wrong one.
func (r OutageRecord) Validate() error {
	switch {
	case r.Origin == "" || len(r.Origin) > maxRecordName*2:
		return errors.New("origin is missing, or too long")
	case r.Journal == "" || len(r.Journal) > maxRecordName:
		return errors.New("journal is missing, or too long")
	case r.Sequence == 0 || r.Sequence > 1<<62:
		return fmt.Errorf("sequence %d is none", r.Sequence)
	}
	return nil
}

// RecordBatch is what a connector hands back at once, in the order of each
// journal.
type RecordBatch struct {
	Records []OutageRecord `json:"records"`
	// Pruned says of a journal up to where its holder has forgotten it, because a
	// configuration contained that much: a cloud broker that was put back from a
	// backup learns by it what it need not wait for.
	Pruned []ContainedRecord `json:"pruned,omitempty"`
}

// Validate says what is wrong with the batch.
func (b RecordBatch) Validate() error {
	if len(b.Records) > MaxRecords || len(b.Pruned) > MaxRecords {
		return fmt.Errorf("there are %d records; a batch has at most %d", max(len(b.Records), len(b.Pruned)), MaxRecords)
	}
	for i, r := range b.Records {
		if err := r.Validate(); err != nil {
			return fmt.Errorf("records[%d].%w", i, err)
		}
	}
	for i, p := range b.Pruned {
		if err := (OutageRecord{Origin: p.Origin, Journal: p.Journal, Sequence: p.Sequence}).Validate(); err != nil {
			return fmt.Errorf("pruned[%d].%w", i, err)
		}
	}
	return nil
}

// RecordOutcome is what became of a record.
type RecordOutcome string

// The outcomes. Each of them is final: the cloud broker has the record.
const (
	// RecordApplied: it is history now, and an assignment is the site's.
	RecordApplied RecordOutcome = "applied"
	// RecordDuplicate: a record of that name was there already; nothing was done.
	RecordDuplicate RecordOutcome = "duplicate"
	// RecordConflict: the machine was changed meanwhile; the site's word stands.
	RecordConflict RecordOutcome = "conflict"
	// RecordRejected: it makes no sense; it is kept for people.
	RecordRejected RecordOutcome = "rejected"
)

// RecordAnswer is what became of one record.
type RecordAnswer struct {
	Origin   site.FQDN     `json:"origin"`
	Journal  string        `json:"journal"`
	Sequence uint64        `json:"sequence"`
	Outcome  RecordOutcome `json:"outcome"`
	// First is what became of it when it came first, of a duplicate.
	First RecordOutcome `json:"first,omitempty"`
	// What says in a sentence what a conflict is about, or why it was rejected.
	What string `json:"what,omitempty"`
}

// Final is the outcome, of a duplicate that of its first coming.
func (a RecordAnswer) Final() RecordOutcome {
	if a.Outcome == RecordDuplicate && a.First != "" {
		return a.First
	}
	return a.Outcome
}

// RecordAnswers answers a batch, record by record, in its order.
type RecordAnswers struct {
	Records []RecordAnswer `json:"records"`
}

// FindingKind says what a finding is about.
type FindingKind string

// The kinds of findings.
const (
	FindingConflict    FindingKind = "conflict"
	FindingRejected    FindingKind = "rejected"
	FindingTwoSessions FindingKind = "two_sessions"
)

// Finding is something that a person should look at after an outage
// (GET /cloud/v1/sites/{site}/findings).
type Finding struct {
	ID     int64        `json:"id"`
	At     time.Time    `json:"at"` // when the cloud broker found it
	Kind   FindingKind  `json:"kind"`
	What   string       `json:"what"`
	Record OutageRecord `json:"record"`
}

// JournalSummary is what a cloud broker has of one journal.
type JournalSummary struct {
	Origin  site.FQDN `json:"origin"`
	Journal string    `json:"journal"`
	// Last is the last record up to which it has them all.
	Last uint64    `json:"last"`
	At   time.Time `json:"at"` // of the latest batch
}

// Findings is one page of findings, and the journals that have been handed back.
type Findings struct {
	Items    []Finding        `json:"items"`
	Journals []JournalSummary `json:"journals"`
	// Next is the id to go on after; 0 means that this is the last page.
	Next int64 `json:"next,omitempty"`
}

// JournalPage is a page of a connector's journal (GET /admin/v1/journal).
type JournalPage struct {
	Journal JournalStatus `json:"journal"`
	Items   []JournalItem `json:"items"`
	// Next is the sequence to go on after; 0 means that this is the last page.
	Next uint64 `json:"next,omitempty"`
}

// JournalItem is a record in the journal of a connector.
type JournalItem struct {
	OutageRecord
	// HandedBack says that the cloud broker has it.
	HandedBack bool `json:"handed_back"`
}

// JournalStatus says how far a connector's journal has been handed back.
type JournalStatus struct {
	ID      string `json:"id"`
	Records int    `json:"records"`
	// HandedBack counts those that the cloud broker has; Rejected and Conflicts, since
	// the journal was empty last, those of them that it did not apply.
	HandedBack int `json:"handed_back"`
	Rejected   int `json:"rejected"`
	Conflicts  int `json:"conflicts"`
	// Copies counts the journals of other connectors of which this one has records that
	// it has not handed back: they do so too, so the copies wait for a while.
	Copies int `json:"copies"`
	// Limit is how many it may hold; Full says that launches are refused for it.
	Limit int  `json:"limit"`
	Full  bool `json:"full"`
	// Trouble says why the hand-back does not go on; it tries again.
	Trouble string `json:"trouble,omitempty"`
}

// PoolStatus counts the pooled desktops of a group in an outage, which serve one
// user each (LHC-34).
type PoolStatus struct {
	Group    string `json:"group"`
	Machines int    `json:"machines"`
	Left     int    `json:"left"`
	// Away are not registered, or not yet.
	Away int `json:"away"`
	// EmptyIn is when none will be left at the rate of the last hour; absent where
	// there is no rate.
	EmptyIn *site.Duration `json:"empty_in,omitempty"`
}
