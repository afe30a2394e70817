package wire

import (
	"errors"
	"fmt"
	"time"

	"understudy/site"
)

// VDAProtocol is the version of the registration API that we speak.
const VDAProtocol = "1.0"

// SessionState is what a session is doing.
type SessionState string

// The states of a session.
const (
	Reserved     SessionState = "reserved"
	Active       SessionState = "active"
	Disconnected SessionState = "disconnected"
)

// Session is a user's session as a desktop host reports it.
type Session struct {
	ID       string       `json:"id"`
	User     string       `json:"user"`
	Resource string       `json:"resource"`
	State    SessionState `json:"state"`
	Started  time.Time    `json:"started"`
}

// Registration announces a desktop host (POST /vda/v1/registrations).
type Registration struct {
	Machine      site.FQDN `json:"machine"`
	Zone         string    `json:"zone"`
	AgentVersion string    `json:"agent_version"`
	Protocol     string    `json:"protocol"`
	// Callback is the base URL under which the host answers prepare and end.
	Callback string `json:"callback"`
	Capacity int    `json:"capacity"`
	// Load is 0 (idle) to 10000 (full).
	Load int `json:"load"`
	// Term is the highest that the host has ever seen.
	Term uint64 `json:"term"`
	// Used says that somebody has used the desktop since its last reset.
	Used         bool      `json:"used"`
	AssignedUser string    `json:"assigned_user,omitempty"`
	Sessions     []Session `json:"sessions"`
}

// Validate says what is wrong with a registration.
func (r Registration) Validate() error {
	switch {
	case r.Machine == "":
		return fmt.Errorf("machine is missing")
	case r.Zone == "":
		return fmt.Errorf("zone is missing")
	case r.Capacity < 1 || r.Capacity > 10000:
		return fmt.Errorf("capacity %d is not within 1 to 10000", r.Capacity)
	case r.Load < 0 || r.Load > 10000:
		return fmt.Errorf("load %d is not within 0 to 10000", r.Load)
	}
	if fault := site.URLFault(r.Callback); fault != "" {
		return fmt.Errorf("callback %s", fault)
	}
	return errors.Join(validateOwner(r.AssignedUser), validateSessions(r.Sessions))
}

// Lease answers a registration or a heartbeat.
type Lease struct {
	Lease  string    `json:"lease"`
	Broker site.FQDN `json:"broker"`
	Term   uint64    `json:"term"`
	// Interval is how often the host is to send a heartbeat, Lifetime how long the
	// broker keeps the registration without one.
	Interval site.Duration `json:"interval"`
	Lifetime site.Duration `json:"lifetime"`
	// Connectors are the client URLs of the zone's connectors.
	Connectors []string `json:"connectors,omitempty"`
	// AssignedUser is whom the site names as the machine's owner; once it names
	// somebody, the host forgets its own mark.
	AssignedUser string `json:"assigned_user,omitempty"`
}

// Heartbeat keeps a lease (PUT /vda/v1/registrations/{lease}).
type Heartbeat struct {
	Load         int    `json:"load"`
	Term         uint64 `json:"term"`
	Used         bool   `json:"used"`
	AssignedUser string `json:"assigned_user,omitempty"`
	// Sessions, when present, replaces what the broker knows.
	Sessions *[]Session `json:"sessions,omitempty"`
}

// Validate says what is wrong with a heartbeat.
func (h Heartbeat) Validate() error {
	if h.Load < 0 || h.Load > 10000 {
		return fmt.Errorf("load %d is not within 0 to 10000", h.Load)
	}
	if h.Sessions == nil {
		return validateOwner(h.AssignedUser)
	}
	return errors.Join(validateOwner(h.AssignedUser), validateSessions(*h.Sessions))
}

// SessionEvent is what happened to a session.
type SessionEvent string

// The events of a session.
const (
	SessionStarted      SessionEvent = "started"
	SessionConnected    SessionEvent = "connected"
	SessionDisconnected SessionEvent = "disconnected"
	SessionEnded        SessionEvent = "ended"
)

// SessionReport tells the broker of one event
// (POST /vda/v1/registrations/{lease}/sessions). Seq counts the host's reports,
// so that a repeated one is recognised.
type SessionReport struct {
	Seq     uint64       `json:"seq"`
	Event   SessionEvent `json:"event"`
	Session Session      `json:"session"`
	// Used is the host's used mark after the event.
	Used bool `json:"used"`
}

// Validate says what is wrong with a report.
func (r SessionReport) Validate() error {
	switch r.Event {
	case SessionStarted, SessionConnected, SessionDisconnected, SessionEnded:
	default:
		return fmt.Errorf("event %q is not started, connected, disconnected or ended", r.Event)
	}
	return validateSessions([]Session{r.Session})
}

func validateOwner(user string) error {
	if user == "" {
		return nil
	}
	if fault := site.NameFault(user); fault != "" {
		return fmt.Errorf("assigned_user %s", fault)
	}
	return nil
}

func validateSessions(sessions []Session) error {
	for i, s := range sessions {
		switch {
		case s.ID == "":
			return fmt.Errorf("sessions[%d].id is missing", i)
		case s.User == "":
			return fmt.Errorf("sessions[%d].user is missing", i)
		case max(len(s.ID), len(s.User), len(s.Resource)) > maxID:
			return fmt.Errorf("sessions[%d] has an id, user or resource of more than %d bytes", i, maxID)
		case s.State != Reserved && s.State != Active && s.State != Disconnected:
			return fmt.Errorf("sessions[%d].state %q is not reserved, active or disconnected", i, s.State)
		}
	}
	return nil
}

// Prepare asks a desktop host to take a user (POST {callback}/v1/sessions).
type Prepare struct {
	Lease    string `json:"lease"`
	Term     uint64 `json:"term"`
	Session  string `json:"session"`
	User     string `json:"user"`
	Resource string `json:"resource"`
	// Command is what to start; empty means the desktop.
	Command string `json:"command,omitempty"`
	// Reconnect says that the session exists already.
	Reconnect bool `json:"reconnect"`
	// Reuse allows a desktop that was used since its reset. The broker sets it for
	// everything but pooled desktops without both reuse flags.
	Reuse bool `json:"reuse"`
	// Assign makes the user the owner of the machine.
	Assign bool `json:"assign,omitempty"`
	// Single says that the desktop is for one user at a time, whatever capacity its
	// host is configured with.
	Single bool `json:"single,omitempty"`
	// Life is how long the reservation lives without the user connecting.
	Life site.Duration `json:"life"`
}

// Validate says what is wrong with a prepare.
func (p Prepare) Validate() error {
	switch {
	case p.Lease == "":
		return fmt.Errorf("lease is missing")
	case p.Session == "":
		return fmt.Errorf("session is missing")
	case len(p.Session) > maxID || len(p.Resource) > maxID:
		return fmt.Errorf("session or resource is longer than %d bytes", maxID)
	case site.NameFault(p.User) != "":
		return fmt.Errorf("user %s", site.NameFault(p.User))
	}
	return nil
}

// maxID bounds what a host keeps of a prepare, and says of a session: its registration
// must hold it, and a record of an outage too.
const maxID = 1024

// Prepared is where the user's client is to connect.
type Prepared struct {
	Address  string `json:"address"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
}
