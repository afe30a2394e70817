package wire

import "understudy/site"

// GroupList is the delivery groups of the site with their machines in the
// connector's zone (GET /admin/v1/groups).
type GroupList struct {
	// Of the site as a whole.
	MaxSessions   int           `json:"max_sessions"`
	STAFailover   site.Failover `json:"sta_failover"`
	ReuseInOutage bool          `json:"reuse_in_outage"`

	Items []GroupStatus `json:"items"`
	// Note says why sessions and members are missing.
	Note string `json:"note,omitempty"`
}

// GroupStatus is a delivery group: its settings with the defaults filled in, and its
// machines in the connector's zone.
type GroupStatus struct {
	Name               string        `json:"name"`
	Kind               site.Kind     `json:"kind"`
	Zones              []string      `json:"zones"`
	Desktop            string        `json:"desktop,omitempty"`
	Failover           site.Failover `json:"failover"`
	Balance            site.Balance  `json:"balance"`
	MaxSessions        int           `json:"max_sessions"`
	Dynamic            bool          `json:"dynamic"`
	ReuseInOutage      bool          `json:"reuse_in_outage"`
	ReplaceUnreachable bool          `json:"replace_unreachable"`
	// Launch says in which forms launches are answered.
	Launch site.Launch `json:"launch"`

	Machines int `json:"machines"`
	// Weights says how many of the machines have which weight, the lowest first.
	Weights []WeightCount `json:"weights"`
	// Use is what the secondary broker knows; without one it is not there.
	Use *GroupUse `json:"use,omitempty"`
}

// WeightCount is how many machines have a weight; Names are the first of them.
type WeightCount struct {
	Weight   int         `json:"weight"`
	Machines int         `json:"machines"`
	Names    []site.FQDN `json:"names"`
}

// GroupUse counts the sessions of a group, and its machines by what they can do now.
type GroupUse struct {
	Sessions    int `json:"sessions"`
	PeakToday   int `json:"peak_today"`
	Free        int `json:"free"`        // takes one more session
	Full        int `json:"full"`        // has as many as it takes
	Maintenance int `json:"maintenance"` // takes none until it is reset, or an administrator says so
	Aside       int `json:"aside"`       // a prepare failed there
	Away        int `json:"away"`        // not registered
}
