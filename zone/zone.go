// Package zone holds what the state machine, the election, the wire and the disk
// must agree on: the five states and the zone record with its order. It decides
// nothing else and does no I/O.
package zone

import (
	"cmp"
	"time"

	"understudy/site"
)

// State is one of the five states of LHC-10.
type State string

// The states. There are no others.
const (
	Normal          State = "Normal"
	PendingHA       State = "PendingHA"
	InitialHA       State = "InitialHA"
	ExtendedHA      State = "ExtendedHA"
	PendingRecovery State = "PendingRecovery"
)

// States lists all of them in the order of an outage.
func States() []State {
	return []State{Normal, PendingHA, InitialHA, ExtendedHA, PendingRecovery}
}

// HA reports whether the state is one of HA mode, in which the elected secondary
// broker serves.
func (s State) HA() bool {
	return s == InitialHA || s == ExtendedHA || s == PendingRecovery
}

// Record is the zone record: what the zone as a whole has decided. Only the
// elected connector writes it; every other one copies the highest it has seen.
type Record struct {
	// Number is above every number its writer had ever seen. Zero means no record.
	Number uint64 `json:"number"`
	// Term is the number of the record with which the present server took office, or
	// with which the outage began or closed.
	Term   uint64    `json:"term"`
	Writer site.FQDN `json:"writer"`
	// Successor is set in the last record of a hand-over: the writer has given the
	// office to it.
	Successor site.FQDN `json:"successor,omitempty"`
	// Outage identifies one stay in HA mode; it stays after the outage closed.
	Outage string `json:"outage,omitempty"`
	// Mode is a state of HA mode, or Normal when the outage is closed.
	Mode State `json:"mode"`
	// Since is when the mode began, for people only.
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
	// Force pins the zone in HA mode (LHC-18).
	Force *Force `json:"force,omitempty"`
	// Level counts the outages that followed one another without a quiet time
	// between them (LHC-19); forced ones do not count.
	Level int `json:"level,omitempty"`
	// Promotion says that an operator let the writer serve without a majority
	// (RAS-02).
	Promotion *Promotion `json:"promotion,omitempty"`
}

// Promotion is an operator's order to serve without a majority, until one is
// present again or another connector takes the office.
type Promotion struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Force is an operator's order to stay in HA mode.
type Force struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Open reports whether the record says that the zone is in HA mode.
func (r Record) Open() bool { return r.Mode.HA() }

// Forced reports whether an operator pins the zone in HA mode.
func (r Record) Forced() bool { return r.Force != nil }

// IsZero reports whether there is no record yet.
func (r Record) IsZero() bool { return r.Number == 0 }

// Compare orders records: of two of one outage the closed one is higher, unless
// either is forced; else the higher number; else the earlier writer's name.
func Compare(a, b Record) int {
	if a.Outage != "" && a.Outage == b.Outage && a.Open() != b.Open() && !a.Forced() && !b.Forced() {
		if b.Open() {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(b.Writer, a.Writer))
}
