package sim

import (
	"time"

	"understudy/site"
)

// Plan is everything that one run is made from.
type Plan struct {
	Seed   uint64
	Shape  Shape
	Faults []Fault
	// Brief says that the run ends with the first invariant that breaks.
	Brief bool
}

// Shape is the site of a plan, and how its run ends.
type Shape struct {
	// Zones counts the zones; all other numbers are for each of them. Standbys
	// are of the connectors.
	Zones, Connectors, Standbys, Desktops, Users int
	// Settings are those of every zone.
	Settings site.Settings
	// Limit bounds the sessions of the site, if it is not 0.
	Limit int `json:",omitempty"`
	// Failover is the mode of the groups that it names, and of tickets by the name sta;
	// the others have the default.
	Failover map[string]site.Failover `json:",omitempty"`
	// CloudAway says that the cloud broker stays away at the end: each zone must
	// then be serving instead of Normal.
	CloudAway bool
	// NoPeerRelay says that no connector goes through another.
	NoPeerRelay bool
	// Length is that of the part with faults.
	Length time.Duration
}

// Kind is what happens in a Fault.
type Kind string

// The kinds. Whatever has a duration For ends by itself; the rest stays until its
// opposite, or until the part with faults is over. Who is a process by name
// ("cc01.z1.sim", "cloud.sim", "d01.z1.sim"), a zone ("z1") or a user ("u01").
const (
	// Crash ends process Who as a power failure does; after For, if there is one,
	// it starts again with its folder.
	Crash Kind = "crash"
	// Restart ends Who in an orderly way, and starts it again after For.
	Restart Kind = "restart"
	// Upgrade restarts connector Who as Restart does; from then on it speaks major version
	// N of the peer channel.
	Upgrade Kind = "upgrade"
	// Leave ends Who as Crash does, for good.
	Leave Kind = "leave"
	// Pause stops Who at its next step, for For.
	Pause Kind = "pause"
	// Cut breaks the network between Who and Other, both ways; CutOneWay only
	// what Who sends to Other. Both heal after For, or by Heal.
	Cut       Kind = "cut"
	CutOneWay Kind = "cutOneWay"
	// Heal ends cuts, delay and loss between Who and Other; without Other all of
	// Who's, and without Who all that there are.
	Heal Kind = "heal"
	// Slow delays what goes between Who and Other by N milliseconds, for For;
	// Lossy breaks N of 100 connections between them as they are used.
	Slow  Kind = "slow"
	Lossy Kind = "lossy"
)

// The kinds of the cloud broker.
const (
	CloudCrash   Kind = "cloudCrash"
	CloudRestart Kind = "cloudRestart"
	CloudPause   Kind = "cloudPause"
	// CloudSlow delays each of its answers by N milliseconds, for For.
	CloudSlow Kind = "cloudSlow"
	// CloudErrors answers 500 to N of 100 requests, CloudGarbage something that
	// is not the protocol.
	CloudErrors  Kind = "cloudErrors"
	CloudGarbage Kind = "cloudGarbage"
	// CloudFlap takes its network away and gives it back N times within For.
	CloudFlap Kind = "cloudFlap"
	// CloudCut takes it from connector Who alone, for For.
	CloudCut Kind = "cloudCut"
)

// The kinds of operators and administrators.
const (
	// Force, Clear, Promote, Drain and Undrain are given on connector Who.
	Force   Kind = "force"
	Clear   Kind = "clear"
	Promote Kind = "promote"
	Drain   Kind = "drain"
	Undrain Kind = "undrain"
	// Standby publishes a site in which Who is a standby (N is 1) or active
	// again; Change one that differs elsewhere, chosen by N.
	Standby Kind = "standby"
	Change  Kind = "change"
	// Jump publishes a site in which both Who and Other are standbys (N is 1) or
	// active again.
	Jump Kind = "jump"
	// Suspicious publishes a site with less than half of its machines (N is 1), or with all
	// again. Accept and Rollback are orders about snapshots, given on connector Who.
	Suspicious Kind = "suspicious"
	Accept     Kind = "accept"
	Rollback   Kind = "rollback"
)

// The kinds of desktops, users and clocks.
const (
	// Reboot restarts desktop Who, which is away for For.
	Reboot Kind = "reboot"
	// Launch is of user Who at the StoreFront of zone Other; N chooses the
	// resource among those that are shown. Disconnect, Reconnect and Logoff act
	// on one of the user's sessions there, chosen by N.
	Launch     Kind = "launch"
	Disconnect Kind = "disconnect"
	Reconnect  Kind = "reconnect"
	Logoff     Kind = "logoff"
	// Clock lets the wall clock of process Who jump by N seconds, back where N
	// is negative.
	Clock Kind = "clock"
)

// Fault is one thing that happens to the site, of its users' doing too.
type Fault struct {
	At         time.Duration
	Kind       Kind
	Who, Other string
	For        time.Duration
	N          int
}

// Outcome is what a run showed.
type Outcome struct {
	Trace     []Line
	Broken    []Violation
	Simulated time.Duration
	// Served counts the launches that were answered with a session.
	Served int
}

// Line is an event or a decision of a run.
type Line struct {
	At        time.Duration
	Who, Text string
}

// Violation is an invariant that did not hold. Rule is its name in the list of
// ARCHITECTURE.md.
type Violation struct {
	At         time.Duration
	Rule, Text string
}
