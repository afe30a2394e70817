// Package agent is the connector: it gathers what the election and the state
// machine decide from, carries their decisions out, and joins relay, peers,
// snapshots and the secondary broker. It is the only place with tickers, cron,
// listeners and the effects of transitions; what is decided is decided in
// statemachine, election, broker and in the core of this package.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/console"
	"understudy/env"
	"understudy/hooks"
	"understudy/launchfile"
	"understudy/site"
	"understudy/storefront"
	"understudy/trust"
)

// DefaultSyncInterval is how often the cloud broker is asked for changes (LHC-01).
const DefaultSyncInterval = 60 * time.Second

// Options are what a connector is made of.
type Options struct {
	Env     env.Env
	Version string
	Site    string
	FQDN    site.FQDN
	Zone    string
	// Protocol is the version of the peer channel; empty means the present one.
	Protocol string
	// Data is the folder of snapshots and state.
	Data string

	Cloud Cloud
	// Upstream, if set, is who brokers in Normal instead of the cloud broker. Then the
	// site has a Source, and neither peer relay nor hand-back.
	Upstream Upstream
	Listen   Listen
	Limits   Limits
	// Exposed are files with secrets that other users of the host may read.
	Exposed []string
	TLS     TLS
	// Insecure allows callbacks on loopback addresses instead of a machine's own name.
	Insecure bool
	// Trust holds what of the above and below comes from files that may change; nil where
	// nothing does.
	Trust *trust.Store
	// FrontKeys are the keys that StoreFronts and gateways may show, as of now; nil
	// together with no TLS means that they need none. FrontEnds are the names of their
	// certificates.
	FrontKeys func() trust.Keys
	FrontEnds []site.FQDN
	// Accounts, if set, know who may use the admin API beside those who may read the data
	// folder.
	Accounts console.Accounts
	// STA is the authority id; empty derives it from the FQDN.
	STA string
	// Files makes answers of launches in other forms than our own.
	Files launchfile.Maker
	// XML is of the XML Service and of the STA, in HA mode; in Normal the cloud broker
	// answers for itself.
	XML storefront.XML

	// PeerRelay lets requests go through a peer while this connector does not reach the
	// cloud broker, and passes on those of peers (NEW-03).
	PeerRelay bool

	// Source, if set, is where the site comes from instead of the cloud broker.
	Source SiteSource
	// Commands are run when this connector is elected or deposed; DNS, if it is set, leads
	// a name to it while it is elected (REP-03). Env, Tell and who they are for are filled in.
	Commands hooks.CommandOptions
	DNS      *hooks.NameOptions

	SyncInterval time.Duration
	// JournalLimit bounds the durable records; 0 means localdb.DefaultJournalLimit.
	JournalLimit int
	// Settings and Peers hold until the first sync brings the zone's own.
	Settings site.Settings
	Peers    []site.Connector
	Logger   *logrus.Logger
}

// SiteSource says what the site is now: nil, with its digest, where that is known.
type SiteSource interface {
	Read(ctx context.Context, known ...string) (*site.Site, string, error)
}

// Cloud is how the cloud broker is reached.
type Cloud struct {
	URL string
	// Token gives the one that is shown now; nil shows none.
	Token   func() string
	Timeout time.Duration
	TLS     env.TLS
}

// Listen are the addresses of the three listeners. Admin is host:port on
// loopback or unix:PATH.
type Listen struct {
	Client string
	Peer   string
	Admin  string
}

// TLS are the configurations of the listeners and of the peer client; nil means
// plain, which is for loopback addresses.
type TLS struct {
	Client     *tls.Config // the client listener
	Peer       *tls.Config // the peer listener, mutual
	PeerClient env.TLS     // towards peers
	Callbacks  env.TLS     // towards desktops
}

func (o *Options) validate() error {
	required := []struct {
		name  string
		empty bool
	}{
		{"Site", o.Site == ""},
		{"FQDN", o.FQDN == ""},
		{"Zone", o.Zone == ""},
		{"Data", o.Data == ""},
		{"Cloud.URL", o.Cloud.URL == "" && o.Upstream == nil},
		{"Source, without which Upstream has no site,", o.Upstream != nil && o.Source == nil},
		{"Listen.Client", o.Listen.Client == ""},
		{"Listen.Peer", o.Listen.Peer == ""},
		{"Listen.Admin", o.Listen.Admin == ""},
		{"Logger", o.Logger == nil},
	}
	errs := []error{o.Env.Validate()}
	for _, r := range required {
		if r.empty {
			errs = append(errs, fmt.Errorf("agent: %s is missing", r.name))
		}
	}
	if o.SyncInterval < time.Second {
		errs = append(errs, fmt.Errorf("agent: SyncInterval %s is shorter than a second", o.SyncInterval))
	}
	return errors.Join(errs...)
}
