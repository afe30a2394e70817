package desktop

import (
	"context"

	"understudy/wire"
)

// Provider is what runs sessions on a host. The agent decides and remembers; the
// provider lets users in and out.
type Provider interface {
	// Prepare makes ready for a user, and says where their client is to connect. It
	// is called again for a session that exists.
	Prepare(ctx context.Context, seat Seat) (wire.Prepared, error)
	// End logs a session off, or forgets one that nobody has connected to. It has no id
	// where the agent knows only whose it is.
	End(ctx context.Context, session wire.Session) error
	// Reset makes the host as if nobody had used it. It is done when Watch tells of
	// a new boot.
	Reset(ctx context.Context) error
	// Watch tells what happens on the host until ctx ends: the present boot and the
	// sessions that are there first, where the provider knows them.
	Watch(ctx context.Context, tell func(Event) error) error
}

// Disconnector is a provider that can send a user away whose session goes on.
type Disconnector interface {
	Disconnect(ctx context.Context, session wire.Session) error
}

// Seat is what a provider is asked to make ready.
type Seat struct {
	wire.Session
	// Command is what to start; empty means the desktop.
	Command string
}

// Event is something that happened on the host: to a session, or a boot.
type Event struct {
	Session string
	Event   wire.SessionEvent
	// Boot names the host's present boot; then the rest is empty.
	Boot string
	// Seen is everything that runs on the host, from a provider that knows sessions by
	// their users; then the rest is empty. Nil means that nothing is said of it.
	Seen []Presence
}

// Presence is a user's session on the host.
type Presence struct {
	// User is the name that the host has.
	User string
	// Connected says that a client is connected to it.
	Connected bool
}
