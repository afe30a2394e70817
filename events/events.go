// Package events is the catalogue of what a connector and a cloud broker tell
// operators: each event with a stable name, a number that administrators of such
// systems know, a severity and what it means. Who raises an event hands in the
// fields; this package writes nothing.
package events

import "time"

// Severity is how much an event matters.
type Severity string

// The severities.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// Name is the stable name of an event.
type Name string

// Kind is one entry of the catalogue.
type Kind struct {
	Code     int
	Name     Name
	Severity Severity
	// Meaning says what happened and, where there is something to do, what.
	Meaning string
}

// Entry is one event that happened.
type Entry struct {
	ID        int64          `json:"id"`
	At        time.Time      `json:"at"`
	Code      int            `json:"code"`
	Event     Name           `json:"event"`
	Severity  Severity       `json:"severity"`
	Zone      string         `json:"zone,omitempty"`
	Connector string         `json:"connector,omitempty"`
	Reason    string         `json:"reason"`
	Fields    map[string]any `json:"fields,omitempty"`
}

// The names of the events.
const (
	SyncImported        Name = "sync_imported"
	MirrorRefused       Name = "mirror_refused"
	MirrorBehind        Name = "mirror_behind"
	OneDisk             Name = "one_disk"
	HookDone            Name = "hook_done"
	HookFailed          Name = "hook_failed"
	NameMoved           Name = "name_moved"
	NameFailed          Name = "name_failed"
	SyncStarted         Name = "sync_started"
	SyncFailed          Name = "sync_failed"
	SyncDeferred        Name = "sync_deferred"
	DeltaRefused        Name = "delta_refused"
	ObjectsQuarantined  Name = "objects_quarantined"
	SnapshotHeld        Name = "snapshot_held"
	SnapshotAccepted    Name = "snapshot_accepted"
	SnapshotRolledBack  Name = "snapshot_rolled_back"
	SyncRecovered       Name = "sync_recovered"
	SnapshotFallback    Name = "snapshot_fallback"
	SnapshotFromPeer    Name = "snapshot_from_peer"
	NoSnapshot          Name = "no_snapshot"
	CloudTrouble        Name = "cloud_trouble"
	OutageBegan         Name = "outage_began"
	OutageEnded         Name = "outage_ended"
	Elected             Name = "elected"
	ElectionLost        Name = "election_lost"
	Handover            Name = "handover"
	OutageSummary       Name = "outage_summary"
	OutageForced        Name = "outage_forced"
	OutageCleared       Name = "outage_cleared"
	NobodyElected       Name = "nobody_elected"
	CannotServe         Name = "cannot_serve"
	ConnectionsFull     Name = "connections_full"
	SourceHeldBack      Name = "source_held_back"
	SecretExposed       Name = "secret_exposed"
	PeerHeard           Name = "peer_heard"
	PeerLost            Name = "peer_lost"
	ConnectorsTaken     Name = "connectors_taken"
	ListRefused         Name = "list_refused"
	PeerDiffers         Name = "peer_differs"
	Promoted            Name = "promoted"
	PromotionLapsed     Name = "promotion_lapsed"
	Draining            Name = "draining"
	Undrained           Name = "undrained"
	RelayTrouble        Name = "relay_trouble"
	GateChanged         Name = "gate_changed"
	StateChanged        Name = "state_changed"
	CallStreamUp        Name = "call_stream_up"
	CallStreamDown      Name = "call_stream_down"
	PeerRelayStarted    Name = "peer_relay_started"
	PeerRelayEnded      Name = "peer_relay_ended"
	RegistrationRefused Name = "registration_refused"
	MachineUsed         Name = "machine_used"
	DiskFailed          Name = "disk_failed"
	Started             Name = "started"
	Stopped             Name = "stopped"
	LateWake            Name = "late_wake"
	SiteChanged         Name = "site_changed"
	AssignmentConflict  Name = "assignment_conflict"
	CallInStarted       Name = "call_in_started"
	CallInFinished      Name = "call_in_finished"
	JournalFull         Name = "journal_full"
	HandbackDone        Name = "handback_done"
	HandbackTrouble     Name = "handback_trouble"
	RecordRejected      Name = "record_rejected"
	RecordConflict      Name = "record_conflict"
	TwoSessions         Name = "two_sessions"
	AdminOrder          Name = "admin_order"
	AdminRefused        Name = "admin_refused"
	TrustReloaded       Name = "trust_reloaded"
	TrustUnreadable     Name = "certificate_unreadable"
	CertificateExpires  Name = "certificate_expires"
	CertificateExpired  Name = "certificate_expired"

	CertificateRenewed    Name = "certificate_renewed"
	CertificateNotRenewed Name = "certificate_not_renewed"
)
