package wire

import (
	"time"

	"understudy/site"
	"understudy/zone"
)

// Status is one connector's own view, on one screen (GET /admin/v1/status).
type Status struct {
	Site      string    `json:"site"`
	Zone      string    `json:"zone"`
	Connector site.FQDN `json:"connector"`
	Version   string    `json:"version"`
	At        time.Time `json:"at"`
	Started   time.Time `json:"started"`

	State  zone.State `json:"state"`
	Since  time.Time  `json:"since"`
	Reason string     `json:"reason"`
	// Waiting says what the state waits for.
	Waiting  string      `json:"waiting"`
	Starting bool        `json:"starting"`
	Outage   string      `json:"outage,omitempty"`
	Force    *zone.Force `json:"force,omitempty"`
	Number   uint64      `json:"number"`
	Term     uint64      `json:"term"`
	// Level is the damping level of the zone; Detection and Recovery are the periods
	// that follow from it (LHC-19).
	Level     int           `json:"level"`
	Detection site.Duration `json:"detection"`
	Recovery  site.Duration `json:"recovery"`

	Election ElectionStatus  `json:"election"`
	Health   HealthStatus    `json:"health"`
	Snapshot *SnapshotStatus `json:"snapshot,omitempty"`
	Sync     SyncStatus      `json:"sync"`
	// Held are versions of the site that are not taken into use.
	Held []HeldVersion `json:"held,omitempty"`
	Gate GateStatus    `json:"gate"`

	Registrations int `json:"registrations"`
	Sessions      int `json:"sessions"`
	// PeakToday is the most sessions at a time that the zone had in HA mode today.
	PeakToday int `json:"peak_today"`
	// Mirror is how far the copy of the serving connector's state is, here or at the
	// peers.
	Mirror MirrorStatus `json:"mirror"`
	// CallIn is how desktops are called in.
	CallIn CallInStatus `json:"call_in"`
	// Journal is how far the records of outages have been handed back.
	Journal JournalStatus `json:"journal"`
	// Pools are the pooled desktops that serve one user each, of the connector that
	// serves.
	Pools []PoolStatus `json:"pools,omitempty"`
	// Hooks are how each hook of this connector went the last time (REP-03).
	Hooks []HookStatus `json:"hooks,omitempty"`
	// Listeners are how the listeners of this connector are used.
	Listeners []ListenerStatus `json:"listeners,omitempty"`
	// Certificates are those in use from files.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
	// Unreadable are files whose former content stays in use.
	Unreadable []UnreadableStatus `json:"unreadable,omitempty"`
	// Missing names, in sentences, what would not work in an outage that began now.
	Missing []string `json:"missing"`
	// MissingOf says of a sentence of Missing which delivery group it is about, if one.
	MissingOf map[string]string `json:"-"`
	// Settings are those in force; SettingsDiffer names keys of the connector's file
	// that the site overrides.
	Settings       site.Settings `json:"settings"`
	SettingsDiffer []string      `json:"settings_differ,omitempty"`
}

// ListenerStatus is how a listener is used: client, peer or admin.
type ListenerStatus struct {
	Listener string `json:"listener"`
	// Connections are those now, of so many Sources, and bounded by the limits. The
	// source that has most, Largest, has OfLargest.
	Connections    int    `json:"connections"`
	Limit          int    `json:"limit"`
	Sources        int    `json:"sources"`
	LimitPerSource int    `json:"limit_per_source"`
	Largest        string `json:"largest,omitempty"`
	OfLargest      int    `json:"of_largest,omitempty"`
	// Closed counts idle connections that had to go for new ones, Refused new ones that
	// found all others at work, and HeldBack keys and tokens that were not looked at,
	// and TLS handshakes that were not begun, because too many of their source had failed.
	Closed   uint64 `json:"closed"`
	Refused  uint64 `json:"refused"`
	HeldBack uint64 `json:"held_back"`
}

// CertificateStatus is a certificate in use: this process's own, or that of an authority
// which it trusts.
type CertificateStatus struct {
	Kind     string    `json:"kind"`
	File     string    `json:"file"`
	Names    []string  `json:"names"`
	NotAfter time.Time `json:"not_after"`
	// DaysLeft are whole days by this host's wall clock; -1 when it has expired.
	DaysLeft int `json:"days_left"`
	// Expires says that it is time to replace it.
	Expires bool `json:"expires"`
}

// UnreadableStatus is a file of certificates, keys or tokens that cannot be used as it is:
// what was read before stays in use.
type UnreadableStatus struct {
	File   string    `json:"file"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// ReloadOrder has certificates, keys and tokens read again (POST /admin/v1/reload).
type ReloadOrder struct {
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"`
}

// ReloadAnswer says what is in use now that was not before, and what cannot be used.
type ReloadAnswer struct {
	Changed    []string `json:"changed"`
	Unreadable []string `json:"unreadable"`
}

// HookStatus is how a hook went the last time: on_elected, on_deposed or dns.
type HookStatus struct {
	Hook   string    `json:"hook"`
	OK     bool      `json:"ok"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
}

// MirrorStatus is how far state is mirrored in HA mode: at a connector that does not
// serve its own copy, at the one that serves those of its peers.
type MirrorStatus struct {
	// From is whose state is copied; Whole says that the copy has all of it, but for
	// the newest changes.
	From     site.FQDN    `json:"from,omitempty"`
	Position uint64       `json:"position"`
	Whole    bool         `json:"whole"`
	WhyNot   string       `json:"why_not,omitempty"`
	Peers    []MirrorPeer `json:"peers,omitempty"`
}

// MirrorPeer is a peer that copies the state of the connector that serves.
type MirrorPeer struct {
	FQDN site.FQDN `json:"fqdn"`
	// Position is the change up to which it has acknowledged, of Head; Behind is for
	// how long it has not had everything.
	Position uint64        `json:"position"`
	Head     uint64        `json:"head"`
	Behind   site.Duration `json:"behind"`
	// Anew counts how often it was given the whole state.
	Anew int `json:"anew"`
}

// ElectionStatus says who is elected and why.
type ElectionStatus struct {
	Elected   site.FQDN `json:"elected,omitempty"`
	Since     time.Time `json:"since"`
	Reason    string    `json:"reason"`
	Serving   bool      `json:"serving"` // this connector's secondary broker serves
	CanServe  bool      `json:"can_serve"`
	WhyNot    string    `json:"why_not,omitempty"`
	Successor site.FQDN `json:"successor,omitempty"`

	Policy site.Policy `json:"policy"`
	// Vote is whom this connector names, Votes how many active connectors, itself
	// included, name the elected one, and Needed how many must; only under majority.
	Vote   site.FQDN `json:"vote,omitempty"`
	Votes  int       `json:"votes,omitempty"`
	Needed int       `json:"needed,omitempty"`
	// Tolerates is how many more connectors may fail with the zone still able to
	// serve; -1: it could not serve now.
	Tolerates int `json:"tolerates"`
	// Draining: an operator wants others to serve; Standby: it serves only when no
	// active one can; Promotion: an operator lets the writer of the zone record serve
	// without a majority.
	Draining  bool            `json:"draining"`
	Standby   bool            `json:"standby"`
	Promotion *zone.Promotion `json:"promotion,omitempty"`
	// Waiting are connectors that rank before the elected one, lost the office, and
	// must be present for so long still before they take it over.
	Waiting map[site.FQDN]site.Duration `json:"waiting,omitempty"`
}

// ElectionAnswer is how the election stands after an order.
type ElectionAnswer struct {
	Connector site.FQDN      `json:"connector"`
	State     zone.State     `json:"state"`
	Election  ElectionStatus `json:"election"`
}

// HealthStatus is the latest health check of the cloud broker.
type HealthStatus struct {
	Healthy    bool      `json:"healthy"`
	Checked    bool      `json:"checked"`
	At         time.Time `json:"at,omitzero"`
	Reason     string    `json:"reason"`
	CallStream bool      `json:"call_stream"`
	// NoCallStream says that there is none: the upstream calls nobody.
	NoCallStream bool `json:"no_call_stream,omitempty"`
	// Via is the peer through which requests go; empty: directly.
	Via site.FQDN `json:"via,omitempty"`
}

// SnapshotStatus is one generation of the local copy of the site.
type SnapshotStatus struct {
	Version  site.Version   `json:"version"`
	Digest   string         `json:"digest"`
	File     string         `json:"file"`
	Size     int64          `json:"size"`
	Imported time.Time      `json:"imported"`
	Age      site.Duration  `json:"age"`
	State    string         `json:"state"` // current | previous | damaged
	Counts   map[string]int `json:"counts,omitempty"`
	Fault    string         `json:"fault,omitempty"`
	// Quarantined counts the objects that are not used because they are not valid;
	// QuarantinedObjects are the first of them.
	Quarantined        int                 `json:"quarantined,omitempty"`
	QuarantinedObjects []QuarantinedObject `json:"quarantined_objects,omitempty"`
}

// QuarantinedObject is an object of the configuration that is not used.
type QuarantinedObject struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// SyncStatus is how the latest sync ended.
type SyncStatus struct {
	At      time.Time `json:"at,omitzero"`
	Outcome string    `json:"outcome"` // never | imported | unchanged | failed | deferred
	Detail  string    `json:"detail,omitempty"`
	// Waiting says what a connector that has no snapshot at all waits for.
	Waiting string `json:"waiting,omitempty"`
}

// Goroutines is what the process is doing (GET /admin/v1/goroutines): equal ones are counted,
// and no values are in it.
type Goroutines struct {
	Count  int    `json:"count"`
	Stacks string `json:"stacks"`
}

// GateStatus is the participation gate of LHC-06.
type GateStatus struct {
	Mode   site.Participation `json:"mode"`
	Open   bool               `json:"open"`
	Reason string             `json:"reason"`
	Window site.Duration      `json:"window"`
}

// PeerStatus is one connector of the zone, this one included
// (GET /admin/v1/peers).
type PeerStatus struct {
	FQDN     site.FQDN  `json:"fqdn"`
	Self     bool       `json:"self"`
	Heard    bool       `json:"heard"`
	Link     string     `json:"link"` // self | up | lost | stopped | refused | never
	Reason   string     `json:"reason,omitempty"`
	Since    time.Time  `json:"since,omitzero"`
	State    zone.State `json:"state,omitempty"`
	Elected  site.FQDN  `json:"elected,omitempty"`
	Serving  bool       `json:"serving"`
	CanServe bool       `json:"can_serve"`
	WhyNot   string     `json:"why_not,omitempty"`
	Healthy  bool       `json:"healthy"`
	Health   string     `json:"health,omitempty"`
	// Via is the peer through which it reaches the cloud broker; empty: directly.
	Via       site.FQDN     `json:"via,omitempty"`
	Config    site.Version  `json:"config"`
	ConfigAge site.Duration `json:"config_age"`
	Version   string        `json:"version,omitempty"`
	// Protocol is the version of the peer channel that it speaks; Differs says what does
	// not pass between it and this connector, where the major versions differ.
	Protocol  string    `json:"protocol,omitempty"`
	Differs   string    `json:"differs,omitempty"`
	ClientURL string    `json:"client_url,omitempty"`
	Standby   bool      `json:"standby"`
	Draining  bool      `json:"draining"`
	Vote      site.FQDN `json:"vote,omitempty"`
}

// RegistrationStatus is one registered machine (GET /admin/v1/registrations).
type RegistrationStatus struct {
	Machine     site.FQDN     `json:"machine"`
	Group       string        `json:"group"`
	Lease       string        `json:"lease"` // shortened: a lease is a secret
	Term        uint64        `json:"term"`
	Load        int           `json:"load"`
	Sessions    int           `json:"sessions"`
	Used        bool          `json:"used"`
	Maintenance bool          `json:"maintenance"`
	Idle        site.Duration `json:"idle"` // since its last sign of life
	// Aside says why the machine gets no launches for AsideFor, and then only those that
	// no other can take: a prepare failed.
	Aside    string        `json:"aside,omitempty"`
	AsideFor site.Duration `json:"aside_for,omitempty"`
}

// SessionStatus is one session (GET /admin/v1/sessions).
type SessionStatus struct {
	Session
	Machine site.FQDN `json:"machine"`
	Group   string    `json:"group"`
}

// MaxPeakDays is how many days a list of peaks may have.
const MaxPeakDays = 400

// SessionPeak is the most sessions at a time on one day, of the site as far as the
// zone knows it, or of one group (GET /admin/v1/sessions/peaks).
type SessionPeak struct {
	Day      string `json:"day"` // UTC
	Group    string `json:"group,omitempty"`
	Sessions int    `json:"sessions"`
}

// List wraps the lists of the admin API.
type List[T any] struct {
	Items []T `json:"items"`
	// Note says why a list is empty or partial.
	Note string `json:"note,omitempty"`
}
