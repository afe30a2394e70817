package wire

import (
	"fmt"
	"strings"

	"understudy/site"
	"understudy/zone"
)

// FrontHeartbeat answers a StoreFront's heartbeat.
type FrontHeartbeat struct {
	// Farm is the site's name.
	Farm       string     `json:"farm"`
	Zone       string     `json:"zone"`
	Connector  site.FQDN  `json:"connector"`
	State      zone.State `json:"state"`
	Serving    bool       `json:"serving"`
	Elected    site.FQDN  `json:"elected,omitempty"`
	ElectedURL string     `json:"elected_url,omitempty"`
	Outage     string     `json:"outage,omitempty"`
}

// ResourcesRequest asks what a user may launch. An authenticated front end
// asserts the user and the groups; the site's own groups are added.
type ResourcesRequest struct {
	User   string   `json:"user"`
	Groups []string `json:"groups,omitempty"`
}

// Validate says what is wrong with the request.
func (r ResourcesRequest) Validate() error { return validateUser(r.User) }

// Resource is a desktop or an application that a user may launch.
type Resource struct {
	// ID is "desktop:" or "app:" and the name of the group or application.
	ID   string `json:"id"`
	Name string `json:"name"`
	Kind string `json:"kind"` // desktop | application
	// Group is the delivery group (the first one of an application).
	Group string   `json:"group"`
	Zones []string `json:"zones"`
	// Session is the user's session of it, where the broker knows one.
	Session string `json:"session,omitempty"`
}

// ResourcesAnswer lists them, sorted by name.
type ResourcesAnswer struct {
	Resources []Resource `json:"resources"`
}

// Client is the user's end.
type Client struct {
	Name    string `json:"name,omitempty"`
	Address string `json:"address,omitempty"`
}

// LaunchRequest asks for a session of a resource.
type LaunchRequest struct {
	User     string   `json:"user"`
	Groups   []string `json:"groups,omitempty"`
	Resource string   `json:"resource"`
	Client   Client   `json:"client,omitzero"`
}

// Validate says what is wrong with the request.
func (r LaunchRequest) Validate() error {
	if !strings.HasPrefix(r.Resource, "desktop:") && !strings.HasPrefix(r.Resource, "app:") {
		return fmt.Errorf("resource %q is not desktop:NAME or app:NAME", r.Resource)
	}
	return validateUser(r.User)
}

// LaunchAnswer tells where the session is, with a one-time ticket for it.
type LaunchAnswer struct {
	Session     string    `json:"session"`
	Machine     site.FQDN `json:"machine"`
	Address     string    `json:"address"`
	Port        int       `json:"port"`
	Protocol    string    `json:"protocol"`
	Reconnected bool      `json:"reconnected"`
	Ticket      string    `json:"ticket"`
	// Authority is the STA to ask for the ticket.
	Authority string        `json:"authority"`
	Lifetime  site.Duration `json:"lifetime"`
}

// RedeemRequest spends a ticket.
type RedeemRequest struct {
	Ticket string `json:"ticket"`
}

// Validate says what is wrong with the request.
func (r RedeemRequest) Validate() error {
	if r.Ticket == "" {
		return fmt.Errorf("ticket is missing")
	}
	return nil
}

// RedeemAnswer tells the gateway where to let the user through.
type RedeemAnswer struct {
	Machine site.FQDN `json:"machine"`
	Address string    `json:"address"`
	Port    int       `json:"port"`
	User    string    `json:"user"`
	Session string    `json:"session"`
}

// validateUser wants a name that a site could have: one that becomes the owner of a
// desktop is published in it.
func validateUser(user string) error {
	if fault := site.NameFault(user); fault != "" {
		return fmt.Errorf("user %s", fault)
	}
	return nil
}
