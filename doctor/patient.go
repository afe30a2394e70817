package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"net/url"
	"path/filepath"
	"strings"

	"understudy/accounts"
	"understudy/cloud/server"
	"understudy/config"
	"understudy/trust"
)

// patient is a process whose host is looked at.
type patient struct {
	*doctor
	name  string // the host's own name
	data  string
	tls   config.TLS
	files []config.NamedFile
	held  holder
	looks []look
	// connector is its file; nil for other kinds.
	connector *config.Connector
	running   running
	// reached are the ways of which one must be good.
	reached []string
	// settings is the file as it was read, log that of its log.
	settings any
	log      string
}

// load reads the file and says what is to be looked at.
func (d *doctor) load(ctx context.Context) (*patient, error) {
	switch d.Kind {
	case Desktop:
		f, err := config.LoadDesktop(d.File)
		if err != nil {
			return nil, err
		}
		return d.desktop(f), nil
	case Cloud:
		f, err := config.LoadCloud(d.File)
		if err != nil {
			return nil, err
		}
		return d.cloud(f), nil
	}
	f, err := config.LoadConnector(d.File)
	if err != nil {
		return nil, err
	}
	return d.ofConnector(ctx, f), nil
}

func (p *patient) add(looks ...look) { p.looks = append(p.looks, looks...) }

// host are the looks at what every process has.
func (p *patient) host(listen map[string]string, journal int) {
	p.held = holderOf(p.data)
	for _, key := range []string{"listen", "listen.client", "listen.peer", "listen.admin"} {
		if address := listen[key]; address != "" {
			p.add(p.listens(key, address))
		}
	}
	if p.name != "" {
		p.add(p.ownName)
	}
	p.add(p.disk(journal), p.certificates, p.modes, p.openFiles)
}

func (d *doctor) ofConnector(ctx context.Context, f *config.Connector) *patient {
	p := &patient{doctor: d, name: string(f.FQDN), data: f.Data, tls: f.TLS, files: f.NamedFiles(), connector: f, settings: f, log: f.Log.File}
	p.host(map[string]string{"listen.client": f.Listen.Client, "listen.peer": f.Listen.Peer, "listen.admin": f.Listen.Admin}, f.Journal.Limit)
	p.running = p.ask(ctx)
	if f.Upstream == config.UpstreamXMLService {
		for i, server := range f.XMLService.Servers {
			p.add(p.controller(i, server))
		}
	} else {
		p.add(p.cloudBroker)
	}
	p.add(p.memory, p.contents(ofConnector(d, f)), p.renewal(f.PKI))
	for _, peer := range f.Peers {
		if peer.FQDN != f.FQDN {
			p.add(p.peerPorts(peer)...)
		}
	}
	p.add(p.directories()...)
	p.add(p.condition)
	return p
}

func (d *doctor) desktop(f *config.Desktop) *patient {
	p := &patient{doctor: d, data: f.Data, tls: f.TLS, files: f.NamedFiles(), settings: f, log: f.Log.File}
	if hosts := f.Hosts(); len(hosts) == 1 {
		p.name = string(hosts[0].Name)
	}
	p.host(map[string]string{"listen": f.Listen}, 0)
	for i, group := range f.Connectors {
		for j, address := range group {
			p.add(p.connectorOf(i, j, address))
		}
	}
	p.add(p.callback(f), p.provider(f), p.renewal(f.PKI))
	return p
}

func (d *doctor) cloud(f *config.Cloud) *patient {
	p := &patient{doctor: d, data: f.Data, tls: f.TLS, files: f.NamedFiles(), settings: f, log: f.Log.File}
	p.host(map[string]string{"listen": f.Listen}, 0)
	p.add(func(context.Context) []Finding { return plainTokens(f.TokensFile) })
	p.add(p.contents(map[string]content{
		"admin_users_file": {f.AdminUsersFile, func() error { _, _, err := accounts.Read(f.AdminUsersFile); return err }},
		"tokens_file":      {f.TokensFile, func() error { _, err := server.LoadTokens(f.TokensFile); return err }},
		"launch":           {"the files of launch", func() error { _, err := f.Launch.Maker(); return err }},
		"credentials":      {"the files of credentials", func() error { _, err := f.Credentials.Checker(d.Env, ignore); return err }},
	}))
	return p
}

// concluded are findings that follow from all others.
func (p *patient) concluded(all []Finding) []Finding {
	if len(p.reached) == 0 {
		return nil
	}
	for _, about := range p.reached {
		bad := false
		for _, f := range all {
			bad = bad || f.About == about && f.Result == Error
		}
		if !bad {
			return nil
		}
	}
	return []Finding{found("no_connector", strings.Join(p.reached, ", "), "none of them can be reached", nil)}
}

// hostOf and portOf take a URL apart; the port is that of the scheme if it has none.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Hostname()
}

func portOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443", "ldap": "389", "ldaps": "636"}[u.Scheme])
}

// client is what this host shows and trusts; nil for plain text.
func (p *patient) client(name string) (*tls.Config, error) {
	now, err := p.tls.Client(trust.New(p.Env.Now))
	if now == nil || err != nil {
		return nil, err
	}
	if name != "" {
		now = now.For(name)
	}
	return now(), nil
}

func (p *patient) inData(name string) string { return filepath.Join(p.data, name) }
