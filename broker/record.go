package broker

import (
	"time"

	"understudy/site"
)

// RecordKind says what a record tells.
type RecordKind string

// The kinds of records. The first four are durable.
const (
	Launched    RecordKind = "launch"
	LoggedOff   RecordKind = "logoff"
	UsedMark    RecordKind = "used"
	Assignment  RecordKind = "assignment"
	Registered  RecordKind = "registration"
	Dropped     RecordKind = "unregistration" // left, lapsed or no longer in the site
	Withdrawn   RecordKind = "withdrawal"     // a reservation ended unused
	Conflicting RecordKind = "conflict"       // a host names another owner than we do
)

// Record is one change of the engine's state. The engine fills in what happened;
// who keeps it adds the name and the wall-clock time.
type Record struct {
	// Origin, Journal and Sequence name a durable record for good.
	Origin   site.FQDN  `json:"origin,omitempty"`
	Journal  string     `json:"journal,omitempty"`
	Sequence uint64     `json:"sequence,omitempty"`
	At       time.Time  `json:"at,omitzero"`
	Kind     RecordKind `json:"kind"`
	Machine  site.FQDN  `json:"machine,omitempty"`
	Zone     string     `json:"zone,omitempty"`
	Group    string     `json:"group,omitempty"`
	User     string     `json:"user,omitempty"`
	Session  string     `json:"session,omitempty"`
	Resource string     `json:"resource,omitempty"`
	// Used is the mark's new value in records of kind used: a reset clears it.
	Used bool `json:"used,omitempty"`
	// Reason says in words what a person should know.
	Reason string `json:"reason,omitempty"`
}

// Durable reports whether the record must be on disk before the answer that it
// belongs to goes out.
func (r Record) Durable() bool {
	switch r.Kind {
	case Launched, LoggedOff, UsedMark, Assignment:
		return true
	case Registered, Dropped, Withdrawn, Conflicting:
		return false
	}
	return false
}
