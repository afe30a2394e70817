package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"unicode"

	"understudy/roles"
	"understudy/site"
	"understudy/trust"
	"understudy/wire"
)

// Role says what the holder of a token may ask for.
type Role string

// The roles.
const (
	// Connector may read the configuration, relay and keep a call stream.
	Connector Role = "connector"
	// Admin may read and publish the site.
	Admin Role = "admin"
)

// Token is the hash of a secret with the name of who holds that and what that one may
// do. A connector's token whose name is that connector's FQDN is good for it alone.
type Token struct {
	Name string
	Role Role
	Hash trust.Hash
	// Plain says that the file has the secret itself.
	Plain bool
}

// NewToken is one of a secret.
func NewToken(name string, role Role, secret string) Token {
	return Token{Name: name, Role: role, Hash: trust.HashOf(secret)}
}

// Validate says why a token cannot be a line of a file.
func (t Token) Validate() error {
	switch {
	case t.Role != Connector && t.Role != Admin:
		return fmt.Errorf("role %q is not connector or admin", t.Role)
	case t.Name == "" || strings.HasPrefix(t.Name, "#") || strings.ContainsFunc(t.Name, unicode.IsSpace):
		return fmt.Errorf("%q cannot be in the file: names have no spaces or # in front", t.Name)
	}
	return nil
}

// String is the token's line in a file.
func (t Token) String() string { return t.Name + " " + string(t.Role) + " " + t.Hash.String() }

// minSecret keeps out what could be guessed.
const minSecret = 16

// LoadTokens reads a tokens file.
func LoadTokens(file string) ([]Token, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("open the tokens file: %w", err)
	}
	defer f.Close()
	tokens, err := ReadTokens(f)
	if err != nil {
		return nil, fmt.Errorf("tokens file %s: %w", file, err)
	}
	return tokens, nil
}

// ReadTokens reads one token a line: name, role and hash, or the secret itself. Lines that
// are empty or begin with # are left out. Errors name the line and never the secret.
func ReadTokens(r io.Reader) ([]Token, error) {
	var tokens []Token
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		t, err := parseToken(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		tokens = append(tokens, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	if len(tokens) == 0 {
		return nil, fmt.Errorf("no token in it")
	}
	return tokens, nil
}

func parseToken(fields []string) (Token, error) {
	if len(fields) != 3 {
		return Token{}, fmt.Errorf("%d words and not three: name, role, hash; `understudy cloud tokens add` makes such lines", len(fields))
	}
	t, secret := Token{Name: fields[0], Role: Role(fields[1])}, fields[2]
	switch {
	case len(t.Role) >= minSecret: // a secret in the wrong place
		return t, errors.New("the second word is not connector or admin")
	case t.Role != Connector && t.Role != Admin:
		return t, fmt.Errorf("role %q is not connector or admin", t.Role)
	case trust.IsHash(secret):
		var err error
		t.Hash, err = trust.ParseHash(secret)
		return t, err
	case len(secret) < minSecret:
		return t, fmt.Errorf("the secret has fewer than %d characters", minSecret)
	}
	t.Hash, t.Plain = trust.HashOf(secret), true
	return t, nil
}

// Accounts knows whose token it is.
type Accounts interface {
	Who(token string) (roles.Who, bool)
}

type holderKey struct{}

// holder is whose token the request carries.
func holder(ctx context.Context) Token {
	h, _ := ctx.Value(holderKey{}).(held)
	return h.Token
}

// held is a token that a request carries, and who it makes of an administrator.
type held struct {
	Token
	who roles.Who
}

func whoOf(r *http.Request) roles.Who {
	h, _ := r.Context().Value(holderKey{}).(held)
	return h.who
}

// authenticated lets pass who holds a token of one of the roles.
func (s *Server) authenticated(allowed ...Role) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			t, err := s.identify(r, allowed)
			if err != nil {
				s.unidentified(r, err)
				wire.WriteError(w, err)
				return
			}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), holderKey{}, t)))
		})
	}
}

func (s *Server) identify(r *http.Request, allowed []Role) (h held, err error) {
	secret, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	known := func() (ok bool) { h, ok = s.holds(secret); return ok }
	if name, ok := s.certified(r); ok && secret == "" {
		h.Token = Token{Name: string(name), Role: Connector}
	} else if err := wire.Shown(r, secret != "", known, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized, "a valid token, or the certificate of a connector of the site, is needed")); err != nil {
		return h, err
	}
	h.who.From = r.RemoteAddr
	if slices.Contains(allowed, h.Role) {
		return h, nil
	}
	return h, wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "a token of role %s may not do this: one of role %s may", h.Role, allowed[0])
}

// certified is the connector of the site that the client's certificate names. It is
// good for that one alone, as is a token with its name.
func (s *Server) certified(r *http.Request) (site.FQDN, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return "", false
	}
	index := s.sites.Current().index
	for _, name := range r.TLS.PeerCertificates[0].DNSNames {
		if c, ok := index.Connector(site.Canonical(name)); ok {
			return c.FQDN, true
		}
	}
	return "", false
}

// holds says whose a secret is: the token of a file, or that of an account.
func (s *Server) holds(secret string) (h held, ok bool) {
	if t, ok := match(s.o.Tokens(), secret); ok {
		return held{t, roles.Who{Name: t.Name, Role: roles.Operator}}, true
	}
	if s.o.Accounts == nil {
		return h, false
	}
	h.who, ok = s.o.Accounts.Who(secret)
	h.Token = Token{Name: h.who.Name, Role: Admin}
	return h, ok
}

// match compares with every token, always for the same time.
func match(tokens []Token, secret string) (found Token, ok bool) {
	for _, t := range tokens {
		if t.Hash.Fits(secret) && secret != "" {
			found, ok = t, true
		}
	}
	return found, ok
}
