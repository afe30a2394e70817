package trust

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"understudy/env"
)

// Files name PEM files: a certificate with its key, and certificates of authorities.
// Without CA the system's authorities count.
type Files struct{ Cert, Key, CA string }

// Server returns the settings of a listener, which gives each new connection what the
// files hold then. Mutual ones refuse clients without a certificate of the authorities;
// others verify one where a client shows it, if there are authorities.
func (s *Store) Server(f Files, mutual bool) (*tls.Config, error) {
	pair, err := s.pair(f)
	if err != nil {
		return nil, err
	}
	authorities, err := s.authorities(f.CA)
	if err != nil {
		return nil, err
	}
	ask := tls.NoClientCert
	switch {
	case mutual:
		ask = tls.RequireAndVerifyClientCert
	case f.CA != "":
		ask = tls.VerifyClientCertIfGiven
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{
				MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{*pair()},
				ClientAuth: ask, ClientCAs: authorities(),
				// A ticket would outlive the authority that vouched for its holder.
				SessionTicketsDisabled: true,
			}, nil
		},
	}, nil
}

// Client returns the settings of outgoing connections, each with what the files hold when
// it is opened. Without Cert none is shown.
func (s *Store) Client(f Files) (env.TLS, error) {
	own := func() []tls.Certificate { return nil }
	if f.Cert != "" || f.Key != "" {
		pair, err := s.pair(f)
		if err != nil {
			return nil, err
		}
		own = func() []tls.Certificate { return []tls.Certificate{*pair()} }
	}
	authorities, err := s.authorities(f.CA)
	if err != nil {
		return nil, err
	}
	return func() *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: own(), RootCAs: authorities()}
	}, nil
}

// pair follows a certificate and its key.
func (s *Store) pair(f Files) (func() *tls.Certificate, error) {
	v := &Value[*tls.Certificate]{}
	err := s.add(&item{
		what: "certificate", files: []string{f.Cert, f.Key},
		holds: func() []Certificate { return describe(Own, f.Cert, v.Now().Leaf) },
		take: func(data [][]byte) error {
			pair, err := parsePair(data[0], data[1])
			if err != nil {
				return err
			}
			if v.current.Load() != nil {
				if err := valid(pair.Leaf, s.now()); err != nil {
					return err
				}
			}
			v.current.Store(&pair)
			return nil
		},
	})
	return v.Now, err
}

func parsePair(cert, key []byte) (*tls.Certificate, error) {
	if _, err := blocks(cert); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	return &pair, nil
}

// valid keeps out a certificate that is of no use yet, or any more; a process may start
// with one, because then there is nothing better.
func valid(c *x509.Certificate, now time.Time) error {
	switch {
	case now.After(c.NotAfter):
		return fmt.Errorf("it expired at %s", c.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(c.NotBefore):
		return fmt.Errorf("it is not valid before %s", c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// authorities follow a file with any number of certificates; nil where there is none.
func (s *Store) authorities(file string) (func() *x509.CertPool, error) {
	if file == "" {
		return func() *x509.CertPool { return nil }, nil
	}
	v := &Value[bundle]{}
	err := s.add(&item{
		what: "authorities", files: []string{file},
		holds: func() []Certificate { return describe(Authority, file, v.Now().list...) },
		take: func(data [][]byte) error {
			b, err := parseBundle(data[0])
			if err == nil {
				v.current.Store(&b)
			}
			return err
		},
	})
	return func() *x509.CertPool { return v.Now().pool }, err
}

type bundle struct {
	pool *x509.CertPool
	list []*x509.Certificate
}

// parseBundle takes all of a file or nothing: half of it would shut out whoever the
// other half vouches for.
func parseBundle(text []byte) (bundle, error) {
	list, err := blocks(text)
	b := bundle{pool: x509.NewCertPool(), list: list}
	for _, c := range list {
		b.pool.AddCert(c)
	}
	return b, err
}

// blocks are the certificates of a PEM file; other blocks do not count.
func blocks(text []byte) ([]*x509.Certificate, error) {
	var list []*x509.Certificate
	begun := bytes.Count(text, []byte("-----BEGIN "))
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		begun--
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d of the file: %w", len(list)+1, err)
		}
		list = append(list, c)
	}
	switch {
	case begun > 0:
		return nil, errors.New("the file is cut off within a PEM block")
	case len(list) == 0:
		return nil, errors.New("the file holds no PEM certificate")
	}
	return list, nil
}

// Kinds of certificates: the process's own, and those of authorities that it trusts.
const (
	Own       = "certificate"
	Authority = "authority"
)

// When the end of a certificate is told of: so long ahead, but of one that lives shortly,
// and is renewed often, in the last parts of its life only.
const (
	day                   = 24 * time.Hour
	warnAhead, warnPart   = 30 * day, 4
	urgentAhead, lastPart = 3 * day, 12
)

// Certificate is one in use.
type Certificate struct {
	// Kind is Own or Authority.
	Kind string
	File string
	// Names are whose it is.
	Names    []string
	NotAfter time.Time
	// Left is until then, by the wall clock; negative when it is over.
	Left time.Duration

	life   time.Duration
	serial string
}

func describe(kind, file string, list ...*x509.Certificate) []Certificate {
	var out []Certificate
	for _, c := range list {
		names := c.DNSNames
		if len(names) == 0 {
			names = []string{c.Subject.String()}
		}
		out = append(out, Certificate{Kind: kind, File: file, Names: names, NotAfter: c.NotAfter, life: c.NotAfter.Sub(c.NotBefore), serial: c.SerialNumber.String()})
	}
	return out
}

// About describes a certificate as it is then.
func About(c *x509.Certificate, now time.Time) Certificate {
	d := describe(Own, "", c)[0]
	d.Left = c.NotAfter.Sub(now)
	return d
}

// Expires reports whether it is time to replace it; Urgent, that its end is a matter of
// days, or past.
func (c Certificate) Expires() bool { return c.Left <= min(warnAhead, c.life/warnPart) }

// Urgent reports whether its end is a matter of days, or past.
func (c Certificate) Urgent() bool { return c.Left <= min(urgentAhead, c.life/lastPart) }

// DaysLeft are whole days; -1 when it is over.
func (c Certificate) DaysLeft() int {
	if c.Left <= 0 {
		return -1
	}
	return int(c.Left / day)
}

// Reason says in a sentence when it ends.
func (c Certificate) Reason() string {
	whose := fmt.Sprintf("the %s of %s in %s", c.Kind, strings.Join(c.Names, ", "), c.File)
	at := c.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case c.Left <= 0:
		return whose + " expired at " + at
	case c.Left < 2*day:
		return fmt.Sprintf("%s expires in %d hours, at %s", whose, int(c.Left/time.Hour), at)
	}
	return fmt.Sprintf("%s expires in %d days, at %s", whose, int(c.Left/day), at)
}

// Certificates are all in use, by file, each once.
func (s *Store) Certificates() []Certificate {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.certificates()
}

// certificates is called with the lock held.
func (s *Store) certificates() []Certificate {
	now := s.now()
	var all []Certificate
	known := map[string]bool{}
	for _, i := range s.items {
		if i.holds == nil {
			continue
		}
		for _, c := range i.holds() {
			if known[c.id()] {
				continue
			}
			known[c.id()] = true
			c.Left = c.NotAfter.Sub(now)
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b Certificate) int { return strings.Compare(a.File, b.File) })
	return all
}

func (c Certificate) id() string { return c.File + " " + c.serial }

// expiring adds the certificates that end soon, each once a day. It is called with the
// lock held; now is of the process's own clock.
func (s *Store) expiring(now time.Time, r *Report) {
	for _, c := range s.certificates() {
		last, known := s.told[c.id()]
		if c.Expires() && (!known || now.Sub(last) >= day) {
			s.told[c.id()] = now
			r.Expiring = append(r.Expiring, c)
		}
	}
}
