package credentials

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"understudy/xmlservice"
)

// LDAPOptions say how a directory is asked.
type LDAPOptions struct {
	// Dial opens connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Servers are URLs, ldaps://HOST or ldap://HOST, asked in this order. With the latter
	// nothing is said before StartTLS.
	Servers []string
	TLS     *tls.Config
	// BindDN and BindPassword are who looks users up.
	BindDN, BindPassword string
	// Base and Filter find a user: {user} and {domain} stand for the names.
	Base, Filter string
	// NameAttribute has the name that the site uses.
	NameAttribute string
	// GroupBase and GroupFilter find the groups of {dn}; with Nested also theirs, by asking
	// again. GroupAttribute has the name that the site uses.
	GroupBase, GroupFilter, GroupAttribute string
	Nested                                 bool
	// ServerPatience bounds what one server may take.
	ServerPatience time.Duration
}

// What an LDAP directory is taken for where nothing is said.
const (
	DefaultFilter         = "(uid={user})"
	DefaultNameAttribute  = "uid"
	DefaultGroupFilter    = "(member={dn})"
	DefaultGroupAttribute = "cn"
	DefaultServerPatience = 3 * time.Second
)

// LDAP is a directory that is asked over LDAP.
type LDAP struct{ o LDAPOptions }

// NewLDAP returns a directory; it asks nothing yet.
func NewLDAP(o LDAPOptions) (*LDAP, error) {
	o = o.withDefaults()
	if len(o.Servers) == 0 || o.Dial == nil || o.TLS == nil || o.Base == "" {
		return nil, errors.New("an LDAP directory needs Servers, Dial, TLS and Base")
	}
	for _, s := range o.Servers {
		if _, _, err := address(s); err != nil {
			return nil, err
		}
	}
	return &LDAP{o}, nil
}

func (o LDAPOptions) withDefaults() LDAPOptions {
	for value, fallback := range map[*string]string{
		&o.Filter: DefaultFilter, &o.NameAttribute: DefaultNameAttribute, &o.GroupBase: o.Base,
		&o.GroupFilter: DefaultGroupFilter, &o.GroupAttribute: DefaultGroupAttribute,
	} {
		if *value == "" {
			*value = fallback
		}
	}
	if o.ServerPatience == 0 {
		o.ServerPatience = DefaultServerPatience
	}
	return o
}

// address is where a server listens, and whether it speaks TLS from the beginning.
func address(server string) (at string, secure bool, err error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.Scheme != "ldap" && u.Scheme != "ldaps" {
		return "", false, fmt.Errorf("%q is not ldaps://HOST or ldap://HOST", server)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"ldap": "389", "ldaps": "636"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port), u.Scheme == "ldaps", nil
}

// CheckServer says what is wrong with the URL of a server.
func CheckServer(server string) error {
	_, _, err := address(server)
	return err
}

// CheckFilter says what is wrong with a filter.
func CheckFilter(filter string) error {
	_, err := ldap.CompileFilter(filter)
	return err
}

// Check asks the servers in order until one can tell.
func (l *LDAP) Check(ctx context.Context, user, domain, password string) (User, error) {
	var silent []error
	for _, server := range l.o.Servers {
		found, err := l.asking(ctx, server, func(c *ldap.Conn) (User, error) { return l.check(c, user, domain, password) })
		if _, refused := errors.AsType[*Refusal](err); err == nil || refused || errors.Is(err, ErrUnknown) {
			return found, err
		}
		silent = append(silent, fmt.Errorf("ask %s: %w", server, err))
	}
	return User{}, errors.Join(silent...)
}

// asking opens a connection that ends with ctx.
func (l *LDAP) asking(ctx context.Context, server string, ask func(*ldap.Conn) (User, error)) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.ServerPatience)
	defer cancel()
	at, secure, err := address(server)
	if err != nil {
		return User{}, err
	}
	raw, err := l.o.Dial(ctx, "tcp", at)
	if err != nil {
		return User{}, err
	}
	config := l.o.TLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(at)
	}
	if secure {
		raw = tls.Client(raw, config)
	}
	c := ldap.NewConn(raw, secure)
	c.Start()
	defer func() { _ = c.Close() }()
	defer context.AfterFunc(ctx, func() { _ = raw.Close() })()
	if !secure {
		if err := c.StartTLS(config); err != nil {
			return User{}, inTime(ctx, err)
		}
	}
	found, err := ask(c)
	return found, inTime(ctx, err)
}

// inTime names the deadline where it is the cause.
func inTime(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

func (l *LDAP) check(c *ldap.Conn, user, domain, password string) (User, error) {
	if err := l.bind(c); err != nil {
		return User{}, err
	}
	entry, err := l.find(c, user, domain)
	if err != nil {
		return User{}, err
	}
	if err := c.Bind(entry.DN, password); err != nil {
		return User{}, judged(err, entry.GetEqualFoldAttributeValue(l.o.NameAttribute))
	}
	if err := l.bind(c); err != nil {
		return User{}, err
	}
	groups, err := l.groups(c, entry.DN)
	if err != nil {
		return User{}, err
	}
	return User{Name: entry.GetEqualFoldAttributeValue(l.o.NameAttribute), Groups: groups}, nil
}

// bind becomes who looks users up.
func (l *LDAP) bind(c *ldap.Conn) error {
	var err error
	if l.o.BindDN == "" {
		err = c.UnauthenticatedBind("")
	} else {
		err = c.Bind(l.o.BindDN, l.o.BindPassword)
	}
	if err != nil {
		return fmt.Errorf("bind as %q: %w", l.o.BindDN, err)
	}
	return nil
}

func (l *LDAP) find(c *ldap.Conn, user, domain string) (*ldap.Entry, error) {
	filter := strings.NewReplacer("{user}", ldap.EscapeFilter(user), "{domain}", ldap.EscapeFilter(domain)).Replace(l.o.Filter)
	found, err := c.Search(search(l.o.Base, filter, 2, l.o.NameAttribute))
	switch {
	case ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded), err == nil && len(found.Entries) > 1:
		return nil, fmt.Errorf("more than one entry is %s", filter)
	case err != nil:
		return nil, fmt.Errorf("look up the user: %w", err)
	case len(found.Entries) == 0:
		return nil, ErrUnknown
	case found.Entries[0].GetEqualFoldAttributeValue(l.o.NameAttribute) == "":
		return nil, fmt.Errorf("%s has no %s", found.Entries[0].DN, l.o.NameAttribute)
	}
	return found.Entries[0], nil
}

func search(base, filter string, most int, attributes ...string) *ldap.SearchRequest {
	return ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, most, 0, false, filter, attributes, nil)
}

// maxGroups bounds the groups of a user.
const maxGroups = 1000

// groups are those of an entry, and, where they are nested, theirs, each once.
func (l *LDAP) groups(c *ldap.Conn, dn string) ([]string, error) {
	seen, names := map[string]bool{}, []string(nil)
	for due := []string{dn}; len(due) > 0; due = due[1:] {
		filter := strings.ReplaceAll(l.o.GroupFilter, "{dn}", ldap.EscapeFilter(due[0]))
		found, err := c.Search(search(l.o.GroupBase, filter, 0, l.o.GroupAttribute))
		if err != nil {
			return nil, fmt.Errorf("look up groups: %w", err)
		}
		for _, g := range found.Entries {
			key := strings.ToLower(g.DN)
			if seen[key] {
				continue
			}
			if seen[key] = true; len(seen) > maxGroups {
				return nil, fmt.Errorf("%s is in more than %d groups", dn, maxGroups)
			}
			names = append(names, g.GetEqualFoldAttributeValues(l.o.GroupAttribute)...)
			if l.o.Nested {
				due = append(due, g.DN)
			}
		}
	}
	return sorted(names), nil
}

// judged turns the refusal of a password into ours. Active Directory says more in its
// text than in its code.
func judged(err error, user string) error {
	if !ldap.IsErrorAnyOf(err, ldap.LDAPResultInvalidCredentials, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation) {
		return fmt.Errorf("check the password: %w", err)
	}
	text := err.Error()
	for code, id := range map[string]xmlservice.ErrorID{
		"data 530": xmlservice.InvalidLogonHours, "data 532": xmlservice.ExpiredCredentials, "data 533": xmlservice.AccountDisabled,
		"data 701": xmlservice.AccountDisabled, "data 773": xmlservice.MustChange, "data 775": xmlservice.AccountLockedOut,
	} {
		if strings.Contains(text, code) {
			return ofUser(user, id, "the directory says of %q: %s", user, code)
		}
	}
	if ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		return ofUser(user, xmlservice.FailedCredentials, "the directory does not take the password of %q", user)
	}
	return ofUser(user, xmlservice.AccountDisabled, "the directory refuses %q: %v", user, err)
}

func ofUser(user string, id xmlservice.ErrorID, format string, args ...any) error {
	return &Refusal{ID: id, Detail: fmt.Sprintf(format, args...), User: user}
}
