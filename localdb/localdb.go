// Package localdb keeps what a connector has on its disk: the generations of the
// site's snapshot, each an immutable SQLite file, and the state database with the
// zone record, the events and the journal of durable records. It decides nothing
// and logs nothing; agent calls it, and the commands that read a stopped
// connector's folder.
package localdb

import (
	"errors"

	"understudy/events"
)

// What callers test for.
var (
	// ErrDamaged says that the state database is not what we wrote.
	ErrDamaged = errors.New("damaged")
	// ErrReadOnly says that the state database was opened for reading.
	ErrReadOnly = errors.New("opened for reading only")
	// ErrClosed says that the database or the snapshots have been closed.
	ErrClosed = errors.New("closed")
)

// Finding is something that an operator should know about the folder as it was
// found at the start. It did not stop the start.
type Finding struct {
	// Event is the kind of event to raise.
	Event  events.Name
	File   string
	Reason string
}
