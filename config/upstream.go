package config

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/trust"
)

// Upstream says who brokers in Normal.
type Upstream string

// The upstreams: a cloud broker that speaks the cloud contract, or the site's own
// controllers, which speak XML Service.
const (
	UpstreamCloud      Upstream = "cloud"
	UpstreamXMLService Upstream = "xml-service"
)

// Controllers are a site's own controllers.
type Controllers struct {
	// Servers are their URLs, the best first, and Farm the name that they give.
	Servers []string `json:"servers"`
	Farm    string   `json:"farm"`
	// User, Domain and the password in PasswordFile are checked by each health request.
	User         string `json:"user"`
	Domain       string `json:"domain"`
	PasswordFile string `json:"password_file"`
	CAFile       string `json:"ca_file"`
	// Plain allows http URLs beyond loopback.
	Plain bool `json:"plain"`
}

// SiteSource is where the site comes from where that is no cloud broker: a file or a
// command.
type SiteSource struct {
	File    string        `json:"file"`
	Command []string      `json:"command"`
	Timeout site.Duration `json:"timeout"`
	Format  string        `json:"format"`
}

// Defaults and forms of a site source.
const (
	DefaultSourceTimeout = 30 * time.Second
	FormatYAML           = "yaml"
	FormatNDJSON         = "ndjson"
)

// ReadSite is ParseSite without judging the site: what is wrong with single objects is
// put aside by whoever imports it.
func ReadSite(name string, data []byte) (*site.Site, error) {
	s := &site.Site{}
	if err := fileError(name, decode(data, s).faults); err != nil {
		return nil, err
	}
	return s, nil
}

// ControllersTLS are the settings of connections to the controllers: their own CA file,
// else that of the connector, else the roots of the system.
func (f *Connector) ControllersTLS(s *trust.Store) (env.TLS, error) {
	t := TLS{CAFile: f.TLS.CAFile}
	if f.XMLService.CAFile != "" {
		t.CAFile = f.XMLService.CAFile
	}
	secure, err := s.Client(t.trusted())
	return func() *tls.Config {
		c := secure()
		c.MinVersion = tls.VersionTLS12 // controllers are older than their connectors
		return c
	}, err
}

func (f *Connector) setUpstreamDefaults() {
	setDefault(&f.Upstream, UpstreamCloud)
	setDefault(&f.SiteSource.Format, FormatYAML)
	setDefault(&f.SiteSource.Timeout, site.Duration(DefaultSourceTimeout))
	if f.PeerRelay == nil {
		f.PeerRelay = new(f.Upstream != UpstreamXMLService)
	}
	if f.Upstream == UpstreamXMLService {
		setDefault(&f.XMLService.Farm, f.Site)
	}
}

func (f *Connector) checkUpstream(c *checker, s security) {
	switch f.Upstream {
	case UpstreamCloud:
		f.checkCloud(c, s)
		f.checkNoControllers(c)
	case UpstreamXMLService:
		f.checkControllers(c, s)
		f.checkSource(c)
	default:
		c.fault("upstream", "%q is none of %s, %s", f.Upstream, UpstreamCloud, UpstreamXMLService)
	}
}

const onlyBeside = "is for upstream: " + string(UpstreamXMLService)

func (f *Connector) checkNoControllers(c *checker) {
	if len(f.XMLService.Servers) > 0 {
		c.fault("xml_service.servers", onlyBeside)
	}
	if f.SiteSource.File != "" || len(f.SiteSource.Command) > 0 {
		c.fault("site_source", onlyBeside)
	}
}

func (f *Connector) checkControllers(c *checker, s security) {
	if len(f.XMLService.Servers) == 0 {
		c.fault("xml_service.servers", "is missing")
	}
	for i, server := range f.XMLService.Servers {
		f.checkServer(c, s, fmt.Sprintf("xml_service.servers[%d]", i), server)
	}
	if f.Cloud.URL != "" || f.Cloud.TokenFile != "" {
		c.fault("cloud", "is for upstream: %s", UpstreamCloud)
	}
	if *f.PeerRelay {
		c.fault("peer_relay", "peers pass nothing on to controllers that speak XML Service")
	}
	if (f.XMLService.User == "") != (f.XMLService.PasswordFile == "") {
		c.fault("xml_service.user", "user and password_file go together")
	}
	if f.XMLService.Domain != "" && f.XMLService.User == "" {
		c.fault("xml_service.domain", "is of no use without user")
	}
}

// checkServer: controllers often have no TLS; whoever lets passwords go over the wire
// says so.
func (f *Connector) checkServer(c *checker, s security, path, server string) {
	u, err := url.Parse(server)
	if err == nil && u.Scheme == "http" && f.XMLService.Plain && site.URLFault(server) == "" {
		return
	}
	c.service(path, server, s)
}

func (f *Connector) checkSource(c *checker) {
	o := f.SiteSource
	switch {
	case o.File == "" && len(o.Command) == 0:
		c.fault("site_source", "is missing: file or command")
	case o.File != "" && len(o.Command) > 0:
		c.fault("site_source", "has file and command; one of them is needed")
	case len(o.Command) > 0 && strings.TrimSpace(o.Command[0]) == "":
		c.fault("site_source.command", "names no program")
	}
	if o.Format != FormatYAML && o.Format != FormatNDJSON {
		c.fault("site_source.format", "%q is none of %s, %s", o.Format, FormatYAML, FormatNDJSON)
	}
	c.atLeast("site_source.timeout", o.Timeout, time.Second)
}
