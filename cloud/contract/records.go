package contract

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// recordChecks hold what is handed back after an outage (NEW-04).
func recordChecks() []check {
	return []check{
		{"records: 401 unauthorized without a token", false, recordsNeedToken},
		{"records: 403 forbidden for an administrator's token", false, recordsNeedConnector},
		{"records: 400 bad_request for a record without a name, and for too many", false, recordsBounded},
		{"findings: 403 forbidden for a connector's token", false, findingsNeedAdmin},
		{"records: each name is applied once, whoever brings it (NEW-04)", true, recordsOnce},
		{"records: an invalid one is rejected, and the next goes on (NEW-04)", true, recordRejected},
		{"records: an assignment is the site's, unless that says otherwise (NEW-04, LHC-36)", true, recordAssigns},
		{"records: the configuration names the last one of each journal, none after a gap (NEW-04)", true, recordsContained},
		{"findings: conflicts and rejected records are listed, in pages (NEW-04)", true, findingsListed},
	}
}

func (t *trial) recordsPath() string { return t.path() + "/records" }

func recordsNeedToken(ctx context.Context, t *trial) error {
	return ask{as: t.nobody, method: http.MethodPost, target: t.recordsPath(), body: wire.RecordBatch{}}.refused(ctx, http.StatusUnauthorized, wire.CodeUnauthorized)
}

func recordsNeedConnector(ctx context.Context, t *trial) error {
	return ask{as: t.admin, method: http.MethodPost, target: t.recordsPath(), body: wire.RecordBatch{}}.refused(ctx, http.StatusForbidden, wire.CodeForbidden)
}

func findingsNeedAdmin(ctx context.Context, t *trial) error {
	return ask{as: t.connector, method: http.MethodGet, target: t.path() + "/findings"}.refused(ctx, http.StatusForbidden, wire.CodeForbidden)
}

func recordsBounded(ctx context.Context, t *trial) error {
	many := wire.RecordBatch{}
	for n := range wire.MaxRecords + 1 {
		many.Records = append(many.Records, wire.OutageRecord{Origin: t.self.FQDN, Journal: "j", Sequence: uint64(n + 1)})
	}
	for _, body := range []any{"{", many, wire.RecordBatch{Records: []wire.OutageRecord{{Kind: "launch"}}}} {
		if err := (ask{as: t.connector, method: http.MethodPost, target: t.recordsPath(), body: body}).refused(ctx, http.StatusBadRequest, wire.CodeBadRequest); err != nil {
			return err
		}
	}
	return nil
}

// journal makes records of one connector.
type journal struct {
	t    *trial
	id   string
	next uint64
}

func (t *trial) newJournal() *journal {
	return &journal{t: t, id: "contract-" + env.Short(t.o.Env.Rand("journals"), 12)}
}

func (j *journal) record(kind, user string, machine site.FQDN, group string) wire.OutageRecord {
	j.next++
	return wire.OutageRecord{
		Origin: j.t.self.FQDN, Journal: j.id, Sequence: j.next, At: time.Now().UTC(), Kind: kind, Machine: machine, Zone: scratchZone, Group: group,
		User: user, Session: fmt.Sprintf("%s-%d", j.id, j.next), Resource: "desktop:" + group,
	}
}

func (j *journal) launch() wire.OutageRecord { return j.record("launch", "bob", freeHost, "Shared") }

// handed wants these outcomes.
func handed(ctx context.Context, as *cloud.Client, records []wire.OutageRecord, want ...wire.RecordOutcome) error {
	answers, err := as.HandBack(ctx, wire.RecordBatch{Records: records})
	if err != nil {
		return err
	}
	for i, a := range answers {
		if a.Outcome != want[i] {
			return fmt.Errorf("record %d (%s) is %s, want %s: %s", a.Sequence, records[i].Kind, a.Outcome, want[i], a.What)
		}
	}
	return nil
}

func recordsOnce(ctx context.Context, t *trial) error {
	j := t.newJournal()
	one, two := j.launch(), j.launch()
	return errors.Join(
		handed(ctx, t.connector, []wire.OutageRecord{one}, wire.RecordApplied),
		handed(ctx, t.second, []wire.OutageRecord{one, two, two}, wire.RecordDuplicate, wire.RecordApplied, wire.RecordDuplicate),
		handed(ctx, t.connector, []wire.OutageRecord{one, two}, wire.RecordDuplicate, wire.RecordDuplicate))
}

func recordRejected(ctx context.Context, t *trial) error {
	j := t.newJournal()
	return handed(ctx, t.connector, []wire.OutageRecord{j.launch(), j.record("dance", "bob", freeHost, "Shared"), j.launch()},
		wire.RecordApplied, wire.RecordRejected, wire.RecordApplied)
}

// recordAssigns puts the suite's site in place, so that nobody owns the machine.
func recordAssigns(ctx context.Context, t *trial) error {
	bare := scratchSite(t.o.Site)
	bare.Machines = append(bare.Machines, site.Machine{Name: "own2.contract.example", Group: "Own", Zone: scratchZone})
	if _, err := t.admin.PutSite(ctx, bare, site.Version{}); err != nil {
		return err
	}
	j := t.newJournal()
	first, second := j.record("assignment", "alice", "own2.contract.example", "Own"), j.record("assignment", "bob", "own2.contract.example", "Own")
	gone := j.record("assignment", "bob", "gone.contract.example", "Own")
	if err := handed(ctx, t.connector, []wire.OutageRecord{first, second, gone}, wire.RecordApplied, wire.RecordConflict, wire.RecordConflict); err != nil {
		return err
	}
	return t.within(ctx, func() error {
		now, err := t.admin.Site(ctx)
		if err != nil {
			return err
		}
		for _, m := range now.Site.Machines {
			if m.Name == first.Machine && m.AssignedUser == "alice" {
				return nil
			}
		}
		return errors.New("the site does not name the owner of own2.contract.example")
	})
}

func recordsContained(ctx context.Context, t *trial) error {
	j := t.newJournal()
	one, two, three := j.launch(), j.launch(), j.launch()
	if err := handed(ctx, t.connector, []wire.OutageRecord{one, three}, wire.RecordApplied, wire.RecordApplied); err != nil {
		return err
	}
	if err := t.within(ctx, func() error { return t.contains(ctx, j.id, 1) }); err != nil {
		return err
	}
	if err := handed(ctx, t.second, []wire.OutageRecord{two}, wire.RecordApplied); err != nil {
		return err
	}
	return t.within(ctx, func() error { return t.contains(ctx, j.id, 3) })
}

func (t *trial) contains(ctx context.Context, journal string, want uint64) error {
	_, header, _, err := t.stream(ctx)
	if err != nil {
		return err
	}
	last := uint64(0)
	for _, c := range header.Records {
		if c.Journal == journal {
			last = c.Sequence
		}
	}
	if last != want {
		return fmt.Errorf("the configuration contains record %d of the journal, want %d", last, want)
	}
	return nil
}

// within asks again until the answer is right: a version is made in a while.
func (t *trial) within(ctx context.Context, right func() error) error {
	ctx, cancel := context.WithTimeout(ctx, checkTime*3/4)
	defer cancel()
	for {
		err := right()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func findingsListed(ctx context.Context, t *trial) error {
	j := t.newJournal()
	wrong := j.record("dance", "bob", freeHost, "Shared")
	if err := handed(ctx, t.connector, []wire.OutageRecord{wrong}, wire.RecordRejected); err != nil {
		return err
	}
	for after := int64(0); ; {
		page, err := t.admin.Findings(ctx, after, 1)
		if err != nil {
			return err
		}
		for _, f := range page.Items {
			if f.Record.Journal == j.id && f.Kind == wire.FindingRejected {
				return nil
			}
		}
		if after = page.Next; after == 0 {
			return errors.New("the rejected record is not among the findings")
		}
	}
}
