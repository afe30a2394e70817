package wire

import (
	"fmt"
	"slices"

	"understudy/site"
	"understudy/zone"
)

// PeerProtocol is the version of the peer channel that we speak. The fields of
// Facts that the election reads are frozen: every version understands them.
const PeerProtocol = "1.0"

// Facts is what one connector says of itself, every heartbeat, newest only.
type Facts struct {
	FQDN     site.FQDN `json:"fqdn"`
	Site     string    `json:"site"`
	Zone     string    `json:"zone"`
	Protocol string    `json:"protocol"`
	Version  string    `json:"version"`
	// Boot is random at each start of the process, Seq counts its heartbeats.
	Boot string `json:"boot"`
	Seq  uint64 `json:"seq"`

	Starting bool `json:"starting"`
	// Leaving says that the service is stopping in an orderly way, Draining that an
	// operator wants others to serve.
	Leaving  bool        `json:"leaving"`
	Draining bool        `json:"draining,omitempty"`
	State    zone.State  `json:"state"`
	Record   zone.Record `json:"record"`
	// Unsaved: its disk is broken, so Record and Highest are in its memory only.
	Unsaved bool `json:"unsaved,omitempty"`
	// Highest is the highest record number or term it has ever seen.
	Highest uint64 `json:"highest"`

	// Healthy is its latest health check of the cloud broker; Checked says that it
	// has finished one since it started.
	Checked      bool   `json:"checked"`
	Healthy      bool   `json:"healthy"`
	HealthReason string `json:"health_reason,omitempty"`
	// Via is the peer through which it is healthy; empty: directly. Relays says that
	// it reaches the cloud broker directly, and passes requests of peers on (NEW-03).
	Via    site.FQDN `json:"via,omitempty"`
	Relays bool      `json:"relays,omitempty"`

	// Heard is whom it hears, with what each last said of itself.
	Heard    []Heard   `json:"heard"`
	CanServe bool      `json:"can_serve"`
	WhyNot   string    `json:"why_not,omitempty"`
	Serving  bool      `json:"serving"`
	Elected  site.FQDN `json:"elected,omitempty"`
	// Vote is whom it names under the policy majority, Deadline for how long after
	// the heartbeat that it echoes this binds it.
	Vote      site.FQDN     `json:"vote,omitempty"`
	Deadline  site.Duration `json:"deadline"`
	ClientURL string        `json:"client_url"`

	// Config is the snapshot it uses, List the version of the connector list.
	Config    site.Version  `json:"config"`
	ConfigAge site.Duration `json:"config_age"`
	List      site.Version  `json:"list"`
	// HeldBack are versions that it does not take into use, Accepted is the last word of
	// an operator on one, and Counts are those of the snapshot it uses.
	HeldBack []site.Version `json:"held_back,omitempty"`
	Accepted Acceptance     `json:"accepted,omitzero"`
	Counts   site.Counts    `json:"counts,omitzero"`
	// FrontIdle is how long ago a StoreFront or gateway last asked it something.
	FrontIdle *site.Duration `json:"front_idle,omitempty"`

	Registrations int `json:"registrations"`
	Sessions      int `json:"sessions"`
	// Desktops is how far what it knows of the zone's desktops has changed since its
	// boot: those who are behind ask it.
	Desktops uint64 `json:"desktops,omitempty"`
	// Mirrored is the outage of which it has the serving connector's state.
	Mirrored string `json:"mirrored,omitempty"`
}

// Heard is what a connector passes on of another one that it hears.
type Heard struct {
	FQDN     site.FQDN `json:"fqdn"`
	CanServe bool      `json:"can_serve"`
	Starting bool      `json:"starting"`
	Leaving  bool      `json:"leaving"`
	Draining bool      `json:"draining,omitempty"`
	// Boot and Seq are of the newest heartbeat from it: an echo, so that it knows how
	// old the word of this connector can be.
	Boot string `json:"boot,omitempty"`
	Seq  uint64 `json:"seq,omitempty"`
}

// Validate says what is wrong with a heartbeat.
func (f Facts) Validate() error {
	switch {
	case f.FQDN == "":
		return fmt.Errorf("fqdn is missing")
	case f.Boot == "":
		return fmt.Errorf("boot is missing")
	case f.State != "" && !slices.Contains(zone.States(), f.State):
		return fmt.Errorf("state %q is none", f.State)
	case f.Record.Mode != "" && f.Record.Mode != zone.Normal && !f.Record.Open():
		return fmt.Errorf("record.mode %q is none of a record", f.Record.Mode)
	}
	return nil
}

// OutageOrder is an operator's force or clear, given to any connector and passed
// to the elected one.
type OutageOrder struct {
	Action string `json:"action"` // force | clear
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// Validate says what is wrong with the order.
func (o OutageOrder) Validate() error {
	if o.Action != "force" && o.Action != "clear" {
		return fmt.Errorf("action %q is not force or clear", o.Action)
	}
	return nil
}

// OutageAnswer is the record that carries the order, and who has it.
type OutageAnswer struct {
	Record zone.Record `json:"record"`
	// CarriedBy is the peer whose heartbeat carries the record; empty when none is
	// present.
	CarriedBy site.FQDN `json:"carried_by,omitempty"`
}

// ConnectorList is the zone's connectors as of a version, for peers that are
// behind.
type ConnectorList struct {
	Version    site.Version     `json:"version"`
	Connectors []site.Connector `json:"connectors"`
}

// The actions of an ElectionOrder.
const (
	Promote = "promote" // serve without a majority
	Drain   = "drain"   // let others serve: before maintenance
	Undrain = "undrain" // be an ordinary candidate again
	Relist  = "relist"  // take the newest list of connectors, whatever it changes
)

// ElectionOrder is an operator's order to the connector that it is given to.
type ElectionOrder struct {
	Action string `json:"action"` // promote | drain | undrain | relist
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// Validate says what is wrong with the order.
func (o ElectionOrder) Validate() error {
	switch o.Action {
	case Promote, Drain, Undrain, Relist:
		return nil
	}
	return fmt.Errorf("action %q is not %s, %s, %s or %s", o.Action, Promote, Drain, Undrain, Relist)
}

// MirrorProtocol is the version of the mirroring that we speak: of the stream's
// format and of what is in it (ADC-04).
const MirrorProtocol = 1

// maxMirrorMarks bounds the journals that a request for the mirror names.
const maxMirrorMarks = 1000

// MirrorRequest asks the serving connector for what comes after a position
// (POST /peer/v1/mirror). It acknowledges all before: the peer has applied it, and
// has the records on its disk.
type MirrorRequest struct {
	Protocols []int  `json:"protocols"`
	Outage    string `json:"outage"`
	// Term is the highest that the peer knows.
	Term uint64 `json:"term"`
	// Stream names the secondary broker that the position is of; empty: none yet.
	Stream   string `json:"stream,omitempty"`
	Position uint64 `json:"position"`
	// Held says up to where the peer has each journal of durable records.
	Held []MirrorMark `json:"held"`
}

// MirrorMark is up to where somebody has a journal.
type MirrorMark struct {
	Journal  string `json:"journal"`
	Sequence uint64 `json:"sequence"`
}

// Validate says what is wrong with the request.
func (r MirrorRequest) Validate() error {
	switch {
	case len(r.Protocols) == 0:
		return fmt.Errorf("protocols is missing")
	case r.Outage == "":
		return fmt.Errorf("outage is missing")
	case len(r.Held) > maxMirrorMarks:
		return fmt.Errorf("held has more than %d journals", maxMirrorMarks)
	}
	return nil
}
