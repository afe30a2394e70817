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
