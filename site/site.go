// Package site is the domain: a company's site with its zones, connectors,
// machines, delivery groups, applications, users and entitlements, how names
// compare, what makes a site valid, and the index that answers look-ups. It does
// no I/O; every other package builds on it.
package site

// Site is everything that the cloud broker publishes and a snapshot holds.
type Site struct {
	// Name is the farm identity that StoreFronts and balancers see.
	Name string `json:"name"`
	// ReuseInOutage, together with the same flag of a group, allows used pooled
	// desktops to be handed out again in HA mode (LHC-34).
	ReuseInOutage bool `json:"reuse_in_outage,omitempty"`
	// MaxSessions bounds the sessions of the whole site (VPN-05); 0 means no bound.
	MaxSessions int `json:"max_sessions,omitempty"`
	// STAFailover is the failover mode of STA tickets; empty means Stateful.
	STAFailover  Failover        `json:"sta_failover,omitempty"`
	Zones        []Zone          `json:"zones"`
	Connectors   []Connector     `json:"connectors"`
	Groups       []DeliveryGroup `json:"groups"`
	Machines     []Machine       `json:"machines"`
	Applications []Application   `json:"applications,omitempty"`
	Users        []User          `json:"users"`
	Entitlements []Entitlement   `json:"entitlements"`
}

// Zone is a resource location: the connectors that elect among themselves, and
// their desktops.
type Zone struct {
	Name     string   `json:"name"`
	Settings Settings `json:"settings,omitzero"`
}

// Connector is one host that runs the connector service.
type Connector struct {
	FQDN FQDN   `json:"fqdn"`
	Zone string `json:"zone"`
	// ClientURL is where StoreFronts and desktops reach it, PeerURL where the
	// other connectors of the zone do.
	ClientURL     string `json:"client_url"`
	PeerURL       string `json:"peer_url"`
	FailureDomain string `json:"failure_domain,omitempty"`
	// Standby connectors serve only when no active one can (RAS-04).
	Standby bool `json:"standby,omitempty"`
}

// Kind says how the machines of a delivery group are given to users.
type Kind string

// The kinds of delivery groups.
const (
	Assigned     Kind = "assigned"      // one user owns each machine (LHC-36)
	Pooled       Kind = "pooled"        // any free machine, reset after use (LHC-34)
	MultiSession Kind = "multi-session" // many users a machine, load-balanced (LHC-36)
)

// DeliveryGroup is a set of machines that are handed out in one way.
type DeliveryGroup struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
	// Zones are those that have machines of this group.
	Zones []string `json:"zones"`
	// Desktop is the published name of the group's desktop; empty publishes none.
	Desktop       string `json:"desktop,omitempty"`
	ReuseInOutage bool   `json:"reuse_in_outage,omitempty"`
	// Balance says which machine a launch gets; empty means LeastLoad.
	Balance Balance `json:"balance,omitempty"`
	// Failover says what of the group a newly elected connector has; empty means
	// Stateful.
	Failover Failover `json:"failover,omitempty"`
	// Dynamic keeps all users on one host of each zone (VPN-03).
	Dynamic bool `json:"dynamic,omitempty"`
	// MaxSessions bounds the sessions of the group (VPN-05); 0 means no bound.
	MaxSessions int `json:"max_sessions,omitempty"`
	// ReplaceUnreachable gives a user another pooled desktop when their own does not
	// answer, though their session there may still run.
	ReplaceUnreachable bool `json:"replace_unreachable,omitempty"`
	// Launch says in which forms launches are answered.
	Launch Launch `json:"launch,omitzero"`
}

// Machine is a desktop host.
type Machine struct {
	Name  FQDN   `json:"name"`
	Group string `json:"group"`
	Zone  string `json:"zone"`
	// AssignedUser owns the machine; only in groups of kind assigned.
	AssignedUser string `json:"assigned_user,omitempty"`
	// Capacity is how many sessions it takes; 0 means 1, or 50 in multi-session groups.
	Capacity int `json:"capacity,omitempty"`
	// Weight is the machine's share of the launches, relative to the others of its
	// group, as the group's Balance says; 0 means 100.
	Weight      int  `json:"weight,omitempty"`
	Maintenance bool `json:"maintenance,omitempty"`
}

// Application is a published program on the machines of some groups.
type Application struct {
	Name string `json:"name"`
	// Groups are the delivery groups whose machines run it.
	Groups []string `json:"groups"`
	// Command is what the desktop host starts.
	Command string `json:"command,omitempty"`
	// Dynamic keeps all its users on one host of each zone (VPN-03).
	Dynamic bool `json:"dynamic,omitempty"`
}

// User is a person, with the user groups they belong to.
type User struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups,omitempty"`
}

// Entitlement allows a user, or the members of a user group, a resource: the
// desktop of a delivery group, or an application. Exactly one of User and
// UserGroup and one of Desktop and Application is set.
type Entitlement struct {
	User        string `json:"user,omitempty"`
	UserGroup   string `json:"user_group,omitempty"`
	Desktop     string `json:"desktop,omitempty"`
	Application string `json:"application,omitempty"`
}

// Fault is one thing wrong with a site or a configuration file, with its place
// in it ("machines[3].zone").
type Fault struct {
	Path string `json:"path"`
	Text string `json:"text"`
}

func (f Fault) String() string { return f.Path + ": " + f.Text }
