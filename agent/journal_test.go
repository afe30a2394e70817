package agent

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/events"
	"understudy/statemachine"
	"understudy/zone"
)

type kept struct {
	calls [][]broker.RecordKind
	err   error
}

func (k *kept) Record(_ context.Context, records []broker.Record) error {
	var kinds []broker.RecordKind
	for _, r := range records {
		kinds = append(kinds, r.Kind)
	}
	k.calls = append(k.calls, kinds)
	return k.err
}

// LHC-23: launches, logoffs, used marks and assignments are durable; what comes
// from the desktops anyway is not.
func TestJournalKeepsDurableRecords(t *testing.T) {
	a, k := muted(Options{}), &kept{}
	var failed []error
	j := &journal{store: k, log: a.log, failed: func(_ time.Time, err error) { failed = append(failed, err) }}
	all := []broker.Record{
		{Kind: broker.Registered},
		{Kind: broker.Launched},
		{Kind: broker.Dropped},
		{Kind: broker.LoggedOff},
		{Kind: broker.UsedMark, Machine: "ws1", Used: true},
		{Kind: broker.Withdrawn},
		{Kind: broker.Assignment},
		{Kind: broker.Conflicting},
	}
	if err := j.Record(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	want := []broker.RecordKind{broker.Launched, broker.LoggedOff, broker.UsedMark, broker.Assignment}
	if len(k.calls) != 1 || !slices.Equal(k.calls[0], want) {
		t.Errorf("kept %q, want %q at once", k.calls, want)
	}
	if got := a.raised(); !slices.Equal(got, []events.Name{events.MachineUsed, events.AssignmentConflict}) {
		t.Errorf("raised %q, want what an operator should know", got)
	}
	if err := j.Record(t.Context(), []broker.Record{{Kind: broker.Registered}}); err != nil || len(k.calls) != 1 {
		t.Errorf("%v, %d writes, want no more: nothing was durable", err, len(k.calls))
	}
	k.err = errors.New("disk full")
	if err := j.Record(t.Context(), all); !errors.Is(err, k.err) {
		t.Errorf("got %v, want the disk's error: nothing may be answered", err)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	_ = j.Record(gone, all)
	if len(failed) != 1 || !errors.Is(failed[0], k.err) {
		t.Errorf("told of %v, want the failure once: who does not wait proves nothing", failed)
	}
}

func TestSeverityIsTheLogLevel(t *testing.T) {
	for severity, want := range map[events.Severity]logrus.Level{
		events.Info: logrus.InfoLevel, events.Warning: logrus.WarnLevel, events.Error: logrus.ErrorLevel,
	} {
		if got := level(severity); got != want {
			t.Errorf("%s: got %s, want %s", severity, got, want)
		}
	}
}

// An event table that is behind never holds up who raises an event.
func TestFullEventTableBlocksNobody(t *testing.T) {
	a := muted(Options{})
	for range cap(a.log.rows) + 10 {
		a.log.raise(events.Started, "again", nil)
	}
	if got := len(a.raised()); got != cap(a.log.rows) {
		t.Errorf("%d events are kept, want %d", got, cap(a.log.rows))
	}
}

// LHC-24: state events say from where to where; where nothing moved there is no
// such field to mislead who reads the story.
func TestFieldsOfStateEvents(t *testing.T) {
	a := muted(Options{})
	a.core = newCore("c0", zone.Record{Outage: "x", Number: 7}, 7, simNow)
	plain := a.fields(logrus.Fields{"term": 7})
	for _, name := range []string{"state", "elected", "outage", "number", "term"} {
		if _, ok := plain[name]; !ok {
			t.Errorf("%v has no %s", plain, name)
		}
	}
	if _, ok := plain["from"]; ok {
		t.Errorf("%v says from where, but nothing moved", plain)
	}
	moved := a.moved(statemachine.Transition{Decision: statemachine.Decision{From: zone.Normal, To: zone.PendingHA, Event: statemachine.Trouble}})
	if moved["from"] != "Normal" || moved["to"] != "PendingHA" || moved["outage"] != "x" {
		t.Errorf("got %v, want from Normal to PendingHA in outage x", moved)
	}
}

// Design 7: durable records of desktops are answered when a peer has them too, or a
// moment later; nobody waits for the others, or for what this disk did not take.
func TestRecordsOfDesktopsWaitForAPeer(t *testing.T) {
	for _, c := range []struct {
		name    string
		records []broker.Record
		err     error
		waits   []string
	}{
		{"a logoff with its mark", []broker.Record{{Kind: broker.LoggedOff, Group: "g"}, {Kind: broker.UsedMark, Group: "g"}}, nil, []string{"g"}},
		{"two groups", []broker.Record{{Kind: broker.Assignment, Group: "g"}, {Kind: broker.LoggedOff, Group: "h"}}, nil, []string{"g", "h"}},
		{"a registration", []broker.Record{{Kind: broker.Registered, Group: "g"}}, nil, nil},
		{"a failed disk", []broker.Record{{Kind: broker.LoggedOff, Group: "g"}}, errors.New("no space"), nil},
	} {
		var waits []string
		d := doubled{&kept{err: c.err}, func(_ context.Context, group string) { waits = append(waits, group) }}
		if err := d.Record(t.Context(), c.records); !errors.Is(err, c.err) || !slices.Equal(waits, c.waits) {
			t.Errorf("%s: %v, waited for %q, want %v and %q", c.name, err, waits, c.err, c.waits)
		}
	}
}
