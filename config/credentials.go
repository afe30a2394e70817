package config

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"understudy/credentials"
	"understudy/env"
	"understudy/site"
	"understudy/storefront"
)

// Credentials say who the users of the XML Service are, in a broker's file.
type Credentials struct {
	// Trusted takes the word of front ends that have shown who they are.
	Trusted bool `json:"trusted"`
	// LocalFile has users with hashes of their passwords; it is asked first.
	LocalFile string `json:"local_file"`
	// LDAP are directories, asked in this order.
	LDAP []LDAP `json:"ldap"`
	// Timeout bounds one check.
	Timeout site.Duration `json:"timeout"`
}

// LDAP is a directory.
type LDAP struct {
	// Servers are URLs of the same directory, asked in this order.
	Servers          []string      `json:"servers"`
	CAFile           string        `json:"ca_file"`
	BindDN           string        `json:"bind_dn"`
	BindPasswordFile string        `json:"bind_password_file"`
	Base             string        `json:"base"`
	Filter           string        `json:"filter"`
	NameAttribute    string        `json:"name_attribute"`
	GroupBase        string        `json:"group_base"`
	GroupFilter      string        `json:"group_filter"`
	GroupAttribute   string        `json:"group_attribute"`
	Nested           bool          `json:"nested"`
	Timeout          site.Duration `json:"timeout"`
}

// DefaultLDAP is a directory of which the file says nothing.
func DefaultLDAP() LDAP {
	var l LDAP
	l.setDefaults()
	return l
}

func (l *LDAP) setDefaults() {
	setDefault(&l.Filter, credentials.DefaultFilter)
	setDefault(&l.NameAttribute, credentials.DefaultNameAttribute)
	setDefault(&l.GroupFilter, credentials.DefaultGroupFilter)
	setDefault(&l.GroupAttribute, credentials.DefaultGroupAttribute)
	setDefault(&l.Timeout, site.Duration(credentials.DefaultServerPatience))
}

// XML is how the XML Service and the STA answer, in a broker's file.
type XML struct {
	// Enabled is true if it is left out.
	Enabled *bool `json:"enabled"`
	// Expose lists what whoever asks is shown.
	Expose []string `json:"expose"`
	// OpenSTA gives tickets also to callers that have not shown who they are.
	OpenSTA bool `json:"open_sta"`
}

// What Expose may hold.
const (
	ExposeAccessLists = "access-lists"
	ExposeServers     = "servers"
)

func (x *XML) setDefaults() {
	if x.Enabled == nil {
		x.Enabled = new(true)
	}
}

func (x *XML) check(c *checker) {
	for i, word := range x.Expose {
		if word != ExposeAccessLists && word != ExposeServers {
			c.fault(fmt.Sprintf("xml.expose[%d]", i), "%q is neither %s nor %s", word, ExposeAccessLists, ExposeServers)
		}
	}
}

func (l *Credentials) setDefaults() {
	setDefault(&l.Timeout, site.Duration(credentials.DefaultPatience))
	for i := range l.LDAP {
		l.LDAP[i].setDefaults()
	}
}

func (l *Credentials) files() []fileName {
	names := []fileName{{"credentials.local_file", &l.LocalFile, true}}
	for i := range l.LDAP {
		path := fmt.Sprintf("credentials.ldap[%d].", i)
		names = append(names,
			fileName{path + "ca_file", &l.LDAP[i].CAFile, true},
			fileName{path + "bind_password_file", &l.LDAP[i].BindPasswordFile, true},
		)
	}
	return names
}

const leastPatience = 100 * time.Millisecond

func (l *Credentials) check(c *checker) {
	c.atLeast("credentials.timeout", l.Timeout, leastPatience)
	for i := range l.LDAP {
		l.LDAP[i].check(c, fmt.Sprintf("credentials.ldap[%d].", i))
	}
}

func (l *LDAP) check(c *checker, path string) {
	if len(l.Servers) == 0 {
		c.fault(path+"servers", "is missing")
	}
	for i, server := range l.Servers {
		if err := credentials.CheckServer(server); err != nil {
			c.fault(fmt.Sprintf("%sservers[%d]", path, i), "%v", err)
		}
	}
	c.need(path+"base", l.Base)
	if l.BindDN != "" {
		c.need(path+"bind_password_file", l.BindPasswordFile)
	}
	if l.BindPasswordFile != "" {
		c.need(path+"bind_dn", l.BindDN)
	}
	c.filter(path+"filter", l.Filter, "{user}")
	c.filter(path+"group_filter", l.GroupFilter, "{dn}")
	c.atLeast(path+"timeout", l.Timeout, leastPatience)
}

// filter judges a filter of LDAP, in which something stands for what is looked for.
func (c *checker) filter(path, filter, part string) {
	if err := credentials.CheckFilter(filter); err != nil {
		c.fault(path, "%q is no LDAP filter: %v", filter, err)
	} else if !strings.Contains(filter, part) {
		c.fault(path, "%q has no %s", filter, part)
	}
}

// Checker checks users as the file says; nil where it says nothing of them. Broken
// hears when the local file cannot be read any more.
func (l *Credentials) Checker(e env.Env, broken func(error)) (*credentials.Checker, error) {
	if !l.Trusted && l.LocalFile == "" && len(l.LDAP) == 0 {
		return nil, nil
	}
	o := credentials.Options{TrustFronts: l.Trusted, Patience: l.Timeout.D()}
	if l.LocalFile != "" {
		local, err := credentials.OpenLocal(l.LocalFile, broken)
		if err != nil {
			return nil, err
		}
		o.Directories = append(o.Directories, local)
	}
	for i := range l.LDAP {
		directory, err := l.LDAP[i].directory(e)
		if err != nil {
			return nil, err
		}
		o.Directories = append(o.Directories, directory)
	}
	return credentials.New(o), nil
}

func (l *LDAP) directory(e env.Env) (*credentials.LDAP, error) {
	o := credentials.LDAPOptions{
		Dial: e.Dial, Servers: l.Servers, TLS: &tls.Config{MinVersion: tls.VersionTLS12}, BindDN: l.BindDN, Base: l.Base, Filter: l.Filter,
		NameAttribute: l.NameAttribute, GroupBase: l.GroupBase, GroupFilter: l.GroupFilter, GroupAttribute: l.GroupAttribute, Nested: l.Nested,
		ServerPatience: l.Timeout.D(),
	}
	var err error
	if l.CAFile != "" {
		if o.TLS.RootCAs, err = readCA(l.CAFile); err != nil {
			return nil, err
		}
	}
	if l.BindPasswordFile != "" {
		if o.BindPassword, err = ReadSecret(l.BindPasswordFile); err != nil {
			return nil, err
		}
	}
	return credentials.NewLDAP(o)
}

// resolve asks the host's own resolver; IPv4 comes first, because old clients know no other.
func resolve(ctx context.Context, name string) string {
	all, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	slices.SortStableFunc(all, func(a, b netip.Addr) int { return cmp.Compare(a.Unmap().BitLen(), b.Unmap().BitLen()) })
	if len(all) == 0 {
		return ""
	}
	return all[0].Unmap().String()
}

// Service is what handlers are told.
func (x *XML) Service(users *credentials.Checker) storefront.XML {
	s := storefront.XML{
		Resolve: resolve, Off: !*x.Enabled, AccessLists: slices.Contains(x.Expose, ExposeAccessLists), Servers: slices.Contains(x.Expose, ExposeServers), OpenSTA: x.OpenSTA,
	}
	if users != nil {
		s.Users = users
	}
	return s
}
