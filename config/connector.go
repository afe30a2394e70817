package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/trust"
)

// Connector is the file of a connector.
type Connector struct {
	Site string    `json:"site"`
	FQDN site.FQDN `json:"fqdn"`
	Zone string    `json:"zone"`
	// Data is the data folder.
	Data string `json:"data"`
	// Upstream says who brokers in Normal; with UpstreamXMLService the site is that of
	// SiteSource.
	Upstream   Upstream        `json:"upstream"`
	Cloud      CloudBroker     `json:"cloud"`
	XMLService Controllers     `json:"xml_service"`
	SiteSource SiteSource      `json:"site_source"`
	Listen     ConnectorListen `json:"listen"`
	TLS        TLS             `json:"tls"`
	// PKI is the authority that the certificate comes from, if it is one of understudy's.
	PKI PKI `json:"pki"`
	// Insecure does without TLS, on loopback addresses only.
	Insecure bool `json:"insecure"`
	// StorefrontKeysFile holds the keys that StoreFronts and gateways may show.
	StorefrontKeysFile string `json:"storefront_keys_file"`
	// AdminUsersFile holds the accounts of the admin API.
	AdminUsersFile string `json:"admin_users_file"`
	// FrontEnds are the DNS names of the certificates that they may show instead.
	FrontEnds []string `json:"front_ends"`
	// STAID replaces the authority id that is made of the FQDN, for a zone behind
	// one address.
	STAID string `json:"sta_id"`
	// PeerRelay lets requests go through a peer that reaches the cloud broker, and
	// passes on those of peers; true if it is left out (NEW-03).
	PeerRelay *bool `json:"peer_relay"`

	Launch      Launch      `json:"launch"`
	Credentials Credentials `json:"credentials"`
	XML         XML         `json:"xml"`

	Limits   Limits   `json:"limits"`
	Sync     Sync     `json:"sync"`
	Journal  Journal  `json:"journal"`
	Outage   Outage   `json:"outage"`
	Election Election `json:"election"`
	// Hooks and DNS let what is outside follow the office (REP-03).
	Hooks Hooks `json:"hooks"`
	DNS   DNS   `json:"dns"`
	// Standby and Peers serve until the first sync: this connector is a standby, and
	// the zone's connectors.
	Standby bool   `json:"standby"`
	Peers   []Peer `json:"peers"`
	Log     Log    `json:"log"`
}

// CloudBroker is how a connector reaches the cloud broker.
type CloudBroker struct {
	URL       string `json:"url"`
	TokenFile string `json:"token_file"`
	CAFile    string `json:"ca_file"`
	// CertFile and KeyFile are shown in the place of a token.
	CertFile string        `json:"cert_file"`
	KeyFile  string        `json:"key_file"`
	Timeout  site.Duration `json:"timeout"`
}

// ConnectorListen are the addresses that a connector listens on.
type ConnectorListen struct {
	Client string `json:"client"`
	Peer   string `json:"peer"`
	// Admin is a loopback address, or unix: and the path of a socket.
	Admin string `json:"admin"`
}

// Sync is how often the site is asked for.
type Sync struct {
	Interval site.Duration `json:"interval"`
}

// Journal bounds the durable records of outages that are kept until the cloud
// broker has them.
type Journal struct {
	Limit int `json:"limit"`
}

// Outage are settings of the zone that serve until the first sync.
type Outage struct {
	HealthInterval      site.Duration      `json:"health_interval"`
	Detection           site.Duration      `json:"detection"`
	DetectionMax        site.Duration      `json:"detection_max"`
	DetectionReset      site.Duration      `json:"detection_reset"`
	InitialHA           site.Duration      `json:"initial_ha"`
	Recovery            site.Duration      `json:"recovery"`
	RecoveryMax         site.Duration      `json:"recovery_max"`
	Participation       site.Participation `json:"participation"`
	ParticipationWindow site.Duration      `json:"participation_window"`
	VDAInterval         site.Duration      `json:"vda_interval"`
	ReservationLife     site.Duration      `json:"reservation_life"`
	TicketLife          site.Duration      `json:"ticket_life"`
	CallIn              *bool              `json:"call_in"`
	CallInRate          int                `json:"call_in_rate"`
}

// Election are settings of the zone that serve until the first sync.
type Election struct {
	Policy       site.Policy   `json:"policy"`
	Deadline     site.Duration `json:"deadline"`
	JoinWait     site.Duration `json:"join_wait"`
	Preempt      *bool         `json:"preempt"`
	PreemptAfter site.Duration `json:"preempt_after"`
}

// Peer is another connector of the zone.
type Peer struct {
	FQDN      site.FQDN `json:"fqdn"`
	ClientURL string    `json:"client_url"`
	PeerURL   string    `json:"peer_url"`
	Standby   bool      `json:"standby"`
}

// Defaults of a connector's file.
const (
	DefaultClientAddress = ":7480"
	DefaultPeerAddress   = ":7489"
	DefaultAdminAddress  = "127.0.0.1:7490"
	DefaultCloudTimeout  = 10 * time.Second
	DefaultSyncInterval  = time.Minute
	DefaultJournalLimit  = 1_000_000
)

// minJournalLimit is no use to anybody, but makes no fault of a small site's.
const minJournalLimit = 100

// LoadConnector reads the file of a connector.
func LoadConnector(file string) (*Connector, error) {
	c := &Connector{}
	if err := load(file, c); err != nil {
		return nil, err
	}
	return c, nil
}

// Settings are those of the zone that the file names; a zero value means that it
// says nothing.
func (f *Connector) Settings() site.Settings {
	return site.Settings{
		HealthInterval: f.Outage.HealthInterval,
		Detection:      f.Outage.Detection, DetectionMax: f.Outage.DetectionMax, DetectionReset: f.Outage.DetectionReset,
		InitialHA: f.Outage.InitialHA, Recovery: f.Outage.Recovery, RecoveryMax: f.Outage.RecoveryMax,
		Participation: f.Outage.Participation, ParticipationWindow: f.Outage.ParticipationWindow,
		VDAInterval: f.Outage.VDAInterval, ReservationLife: f.Outage.ReservationLife, TicketLife: f.Outage.TicketLife,
		CallIn: f.Outage.CallIn, CallInRate: f.Outage.CallInRate,
		Policy: f.Election.Policy, Deadline: f.Election.Deadline, JoinWait: f.Election.JoinWait,
		Preempt: f.Election.Preempt, PreemptAfter: f.Election.PreemptAfter,
	}
}

// Connectors are the peers as the site would have them. A standby is among them,
// also where peers does not name it.
func (f *Connector) Connectors() []site.Connector {
	var list []site.Connector
	named := false
	for _, p := range f.Peers {
		own := p.FQDN == f.FQDN
		named = named || own
		list = append(list, site.Connector{
			FQDN: p.FQDN, Zone: f.Zone, ClientURL: p.ClientURL, PeerURL: p.PeerURL, Standby: p.Standby || own && f.Standby,
		})
	}
	if f.Standby && !named {
		list = append(list, site.Connector{FQDN: f.FQDN, Zone: f.Zone, Standby: true})
	}
	return list
}

// CloudTLS are the settings of connections to the cloud broker: its own CA file,
// else that of the connector, else the roots of the system. It is nil, for plain
// TCP, if the URL is not https.
func (f *Connector) CloudTLS(s *trust.Store) (env.TLS, error) {
	if !strings.HasPrefix(f.Cloud.URL, "https:") {
		return nil, nil
	}
	t := f.TLS
	if f.Cloud.CAFile != "" {
		t.CAFile = f.Cloud.CAFile
	}
	if f.Cloud.CertFile != "" {
		t.CertFile, t.KeyFile = f.Cloud.CertFile, f.Cloud.KeyFile
	}
	return s.Client(t.trusted())
}

func (f *Connector) setDefaults() {
	setDefault(&f.Listen.Client, DefaultClientAddress)
	setDefault(&f.Listen.Peer, DefaultPeerAddress)
	setDefault(&f.Listen.Admin, DefaultAdminAddress)
	setDefault(&f.Cloud.Timeout, site.Duration(DefaultCloudTimeout))
	setDefault(&f.Sync.Interval, site.Duration(DefaultSyncInterval))
	setDefault(&f.Journal.Limit, DefaultJournalLimit)
	f.setUpstreamDefaults()
	f.Hooks.setDefaults()
	f.DNS.setDefaults()
	f.Credentials.setDefaults()
	f.XML.setDefaults()
	f.Limits.setDefaults()
	f.Log.setDefaults()
}

func (f *Connector) files() []fileName {
	names := append(slices.Concat(f.PKI.files(f.TLS.files()), f.Launch.files(), f.Credentials.files()),
		fileName{"data", &f.Data, false},
		fileName{"cloud.token_file", &f.Cloud.TokenFile, true},
		fileName{"cloud.ca_file", &f.Cloud.CAFile, true},
		fileName{"cloud.cert_file", &f.Cloud.CertFile, true},
		fileName{"cloud.key_file", &f.Cloud.KeyFile, true},
		fileName{"xml_service.password_file", &f.XMLService.PasswordFile, true},
		fileName{"xml_service.ca_file", &f.XMLService.CAFile, true},
		fileName{"site_source.file", &f.SiteSource.File, false},
		fileName{"storefront_keys_file", &f.StorefrontKeysFile, true},
		fileName{"admin_users_file", &f.AdminUsersFile, true},
		fileName{"dns.key_file", &f.DNS.KeyFile, true},
		fileName{"log.file", &f.Log.File, false},
	)
	names = append(names, f.Hooks.files()...)
	if strings.HasPrefix(f.Listen.Admin, unixPrefix) {
		names = append(names, fileName{"listen.admin", &f.Listen.Admin, false})
	}
	return names
}

func (f *Connector) check(c *checker) {
	s := security{tls: f.TLS, insecure: f.Insecure, mutual: true}
	c.need("site", f.Site)
	c.need("fqdn", string(f.FQDN))
	c.need("zone", f.Zone)
	c.need("data", f.Data)
	c.checkSecurity(s)
	c.listen("listen.client", f.Listen.Client, s)
	c.listen("listen.peer", f.Listen.Peer, s)
	c.admin("listen.admin", f.Listen.Admin)
	f.checkUpstream(c, s)
	c.atLeast("sync.interval", f.Sync.Interval, time.Second)
	if f.Journal.Limit < minJournalLimit {
		c.fault("journal.limit", "%d is less than %d", f.Journal.Limit, minJournalLimit)
	}
	f.PKI.check(c, s)
	f.checkPeers(c, s)
	f.checkFrontEnds(c)
	f.checkSettings(c)
	f.Launch.check(c)
	f.Hooks.check(c)
	f.DNS.check(c)
	f.Credentials.check(c)
	f.XML.check(c)
	f.Limits.check(c)
	f.Log.check(c)
}

func (f *Connector) checkCloud(c *checker, s security) {
	c.service("cloud.url", f.Cloud.URL, s)
	if !f.Insecure && f.Cloud.CertFile == "" {
		c.need("cloud.token_file", f.Cloud.TokenFile)
	}
	if (f.Cloud.CertFile == "") != (f.Cloud.KeyFile == "") {
		c.fault("cloud.cert_file", "cert_file and key_file go together")
	}
	c.atLeast("cloud.timeout", f.Cloud.Timeout, 100*time.Millisecond)
}

func (f *Connector) checkPeers(c *checker, s security) {
	first := map[site.FQDN]int{}
	for i, p := range f.Peers {
		path := fmt.Sprintf("peers[%d]", i)
		c.need(path+".fqdn", string(p.FQDN))
		if at, seen := first[p.FQDN]; seen && p.FQDN != "" {
			c.fault(path+".fqdn", "%q is peers[%d] already", p.FQDN, at)
		}
		first[p.FQDN] = i
		c.service(path+".client_url", p.ClientURL, s)
		c.service(path+".peer_url", p.PeerURL, s)
	}
}

// FrontEndNames are those in front_ends, as they are compared.
func (f *Connector) FrontEndNames() []site.FQDN {
	var names []site.FQDN
	for _, name := range f.FrontEnds {
		names = append(names, site.Canonical(name))
	}
	return names
}

// checkFrontEnds: a connector speaks for itself only, never for users.
func (f *Connector) checkFrontEnds(c *checker) {
	for i, name := range f.FrontEndNames() {
		path := fmt.Sprintf("front_ends[%d]", i)
		if _, err := site.ParseFQDN(string(name)); err != nil {
			c.fault(path, "%v", err)
		}
		if name == site.Canonical(string(f.FQDN)) || slices.ContainsFunc(f.Peers, func(p Peer) bool { return p.FQDN == name }) {
			c.fault(path, "%s is a connector of the zone: those are no front ends", name)
		}
	}
}

func (f *Connector) checkSettings(c *checker) {
	for _, fault := range f.Settings().Validate() {
		section := "outage."
		switch fault.Path {
		case "policy", "deadline", "join_wait", "preempt", "preempt_after":
			section = "election."
		}
		c.fault(section+fault.Path, "%s", fault.Text)
	}
}
