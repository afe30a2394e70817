package broker

import (
	"time"

	"understudy/site"
)

// SessionState is what a session is doing, spelled as on the wire.
type SessionState string

// The states of a session.
const (
	Reserved     SessionState = "reserved"
	Active       SessionState = "active"
	Disconnected SessionState = "disconnected"
)

// Session is a user's session on a machine.
type Session struct {
	ID       string
	User     string
	Resource string
	State    SessionState
	Started  time.Time
}

// Registration is what a desktop host says when it registers.
type Registration struct {
	Machine      site.FQDN
	Zone         string
	AgentVersion string
	Protocol     string
	Callback     string
	Capacity     int
	Load         int    // 0 (idle) to 10000 (full)
	Term         uint64 // the highest it has ever seen
	Used         bool
	AssignedUser string
	// Sessions are handed over (LHC-31).
	Sessions []Session
}

// Lease is what a registered host gets.
type Lease struct {
	ID       string
	Machine  site.FQDN
	Zone     string
	Broker   site.FQDN
	Term     uint64
	Interval time.Duration
	Lifetime time.Duration
	// AssignedUser is whom the site names as the machine's owner.
	AssignedUser string
}

// Heartbeat keeps a lease alive.
type Heartbeat struct {
	Load         int
	Term         uint64
	Used         bool
	AssignedUser string
	// Sessions, when not nil, replaces what the broker knows.
	Sessions *[]Session
}

// SessionEvent is what happened to a session, spelled as on the wire.
type SessionEvent string

// The events of a session.
const (
	SessionStarted      SessionEvent = "started"
	SessionConnected    SessionEvent = "connected"
	SessionDisconnected SessionEvent = "disconnected"
	SessionEnded        SessionEvent = "ended"
)

// Report is one session event of a host. Seq counts the reports of one lease.
type Report struct {
	Seq     uint64
	Event   SessionEvent
	Session Session
	// Used is the host's used mark after the event.
	Used bool
}

// Reset asks for a pooled desktop to be reset after a logoff in Normal.
type Reset struct {
	Machine  site.FQDN
	Zone     string
	Callback string
	Lease    string
	Term     uint64
}

// LaunchRequest asks for a machine.
type LaunchRequest struct {
	User     string
	Groups   []string
	Resource string
	// Session is the id that a new session gets.
	Session string
	// Zone is preferred, where the engine serves several; empty means none.
	Zone string
	// Exclude names machines that have refused already.
	Exclude map[site.FQDN]bool
	// Without names zones that nobody reaches.
	Without map[string]bool
}

// Reservation is a machine held for a launch until it is committed or released.
type Reservation struct {
	Machine  site.FQDN
	Zone     string
	Group    string
	Callback string
	Lease    string
	Term     uint64
	Session  string
	User     string
	Resource string
	Command  string // empty means the desktop
	// Reconnect says that the session exists already (LHC-37).
	Reconnect bool
	// Reuse allows a desktop that was used since its reset (LHC-34).
	Reuse bool
	// Assign makes the user the owner of the machine (LHC-36).
	Assign bool
	// Single says that the machine is for one user at a time (LHC-25).
	Single bool
	// Pinned says that the user's session runs there and must not get a second one
	// elsewhere while nobody knows what became of it (LHC-37).
	Pinned bool
	// Life is how long the reservation lives without the user connecting.
	Life time.Duration

	claim uint64
}

// Ticket is what a one-time ticket stands for.
type Ticket struct {
	Session string
	User    string
	Machine site.FQDN
	Zone    string
	Address string
	Port    int
	// Data is what a ticket that is no launch's stands for; the engine does not read it.
	Data string
}

// Resource is something that a user may launch.
type Resource struct {
	*site.Resource
	// Memo is the resource's own; nil where there is no index.
	Memo *site.Memo
	// Session is the user's session of it, where one is known.
	Session string
}

// RegistrationInfo is a registered machine, for people.
type RegistrationInfo struct {
	Machine  site.FQDN
	Group    string
	Zone     string
	Lease    string
	Callback string
	Term     uint64
	Load     int
	Sessions int
	Used     bool
	// Maintenance says that the machine takes no new session until it is reset or
	// an administrator allows it.
	Maintenance  bool
	AssignedUser string
	// Idle is the time since its last sign of life.
	Idle time.Duration
	// Aside says why the machine gets no launches, or only where no other can take
	// them: a prepare failed. AsideFor is how long it gets none at all.
	Aside    string
	AsideFor time.Duration
}

// SessionInfo is a session with its place, for people.
type SessionInfo struct {
	Session
	Machine site.FQDN
	Group   string
	Zone    string
}

// Stats counts what the engine holds.
type Stats struct {
	Registrations int
	Sessions      int
	Reserved      int // of the sessions
	Tickets       int
}
