package wire

import (
	"fmt"

	"understudy/site"
)

// maxInvitedTo bounds the connectors that an invitation names.
const maxInvitedTo = 64

// Invitation asks a desktop host to register anew (POST {callback}/v1/reregister).
type Invitation struct {
	// Term is that of who invites; a host follows only one that is higher than any it
	// has seen.
	Term uint64 `json:"term"`
	// Connectors are client URLs, in the order in which to try them.
	Connectors []string `json:"connectors,omitempty"`
}

// Validate says what is wrong with an invitation.
func (i Invitation) Validate() error {
	if len(i.Connectors) > maxInvitedTo {
		return fmt.Errorf("connectors has more than %d", maxInvitedTo)
	}
	for n, c := range i.Connectors {
		if fault := site.URLFault(c); fault != "" {
			return fmt.Errorf("connectors[%d] %s", n, fault)
		}
	}
	return nil
}

// CallInStatus is how the latest call-in of a connector goes, and whom it could call.
type CallInStatus struct {
	Enabled bool `json:"enabled"`
	// Known is how many desktops this connector knows where to call.
	Known int `json:"known"`
	// To is where the desktops are invited to: the name of this connector, or the cloud
	// broker's word; empty: it has called nobody in yet.
	To      string `json:"to,omitempty"`
	Term    uint64 `json:"term,omitempty"`
	Running bool   `json:"running"`
	// Due is how many were to be called; There of them came by themselves before their
	// turn. Of those that were invited, some answered, refused or were not reached.
	Due         int `json:"due"`
	There       int `json:"there"`
	Invited     int `json:"invited"`
	Answered    int `json:"answered"`
	Refused     int `json:"refused"`
	Unreachable int `json:"unreachable"`
	// Held is for how long it pauses still because the cloud broker asked for that.
	Held site.Duration `json:"held,omitempty"`
}

// CallInToCloud is where desktops are invited to at the end of an outage.
const CallInToCloud = "cloud"
