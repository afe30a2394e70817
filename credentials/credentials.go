// Package credentials checks who a user is: by a password that a directory or a file
// knows, or by the word of a front end that is trusted. It keeps guessers waiting, and
// never says or stores a password.
package credentials

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"understudy/env"
	"understudy/xmlservice"
)

type (
	// User is who has been let in.
	User = xmlservice.User
	// Claim is what a request says of its user.
	Claim = xmlservice.Claim
	// Refusal is why a user was not let in.
	Refusal = xmlservice.Refusal
)

func refuse(id xmlservice.ErrorID, format string, args ...any) error {
	return &Refusal{ID: id, Detail: fmt.Sprintf(format, args...)}
}

// Directory knows passwords.
type Directory interface {
	// Check returns the user, ErrUnknown where somebody else may know the user, a
	// *Refusal, or that it cannot tell.
	Check(ctx context.Context, user, domain, password string) (User, error)
}

// ErrUnknown is for a user whom a directory does not have.
var ErrUnknown = errors.New("there is no such user")

// Options are what a Checker goes by.
type Options struct {
	// TrustFronts lets trusted callers assert users.
	TrustFronts bool
	// Directories are asked in this order.
	Directories []Directory
	// Patience bounds one check.
	Patience time.Duration
}

// DefaultPatience is for a directory of which the first servers are silent.
const DefaultPatience = 8 * time.Second

// Checker lets users in or not.
type Checker struct {
	o        Options
	throttle *throttle
	slots    chan struct{} // one taken by each check of a password
}

// checksAtOnce bounds the connections to directories: one that is silent holds each for
// seconds.
const checksAtOnce = 256

// New returns a checker.
func New(o Options) *Checker {
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	return &Checker{o: o, throttle: newThrottle(), slots: make(chan struct{}, checksAtOnce)}
}

// Check tells who the user is, or why that cannot be told: a *Refusal.
func (c *Checker) Check(ctx context.Context, claim Claim) (User, error) {
	switch {
	case len(claim.Asserted) > 0:
		return c.asserted(claim)
	case !claim.Given || claim.User == "":
		return User{}, refuse(xmlservice.FailedCredentials, "there are no credentials")
	case claim.Password == "":
		// A directory takes an empty one for nobody in particular, and lets that in.
		return User{}, refuse(xmlservice.FailedCredentials, "there is no password")
	}
	return c.withPassword(ctx, claim)
}

// asserted takes the word of a trusted front end. The first name by which people are
// known is the user's; all others are groups.
func (c *Checker) asserted(claim Claim) (User, error) {
	if !c.o.TrustFronts || !claim.Trusted {
		return User{}, refuse(xmlservice.NotTrusted, "the caller may not speak for users")
	}
	var u User
	for _, id := range claim.Asserted {
		if u.Name == "" && (id.Type == "SAM" || id.Type == "UPN") {
			u.Name, _ = split(id.Name, "")
		} else {
			u.Groups = append(u.Groups, id.Name)
		}
	}
	if u.Name == "" {
		return User{}, refuse(xmlservice.FailedCredentials, "no name of type SAM or UPN is asserted")
	}
	return u, nil
}

func (c *Checker) withPassword(ctx context.Context, claim Claim) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Patience)
	defer cancel()
	user, domain := split(claim.User, claim.Domain)
	try, err := c.throttle.begin(time.Now(), strings.ToLower(user), sourceOf(claim))
	if err != nil {
		return User{}, err
	}
	found, err := c.ask(ctx, user, domain, claim.Password)
	refusal, refused := errors.AsType[*Refusal](err)
	switch {
	case err == nil:
		if err := try.letIn(time.Now(), strings.ToLower(found.Name)); err != nil {
			return User{}, err
		}
	case refused:
		try.refused(time.Now(), strings.ToLower(refusal.User))
	default:
		try.undo()
		return User{}, refuse(xmlservice.ServiceUnavailable, "no directory can tell: %v", err)
	}
	return found, err
}

// sourceOf is where guesses are counted: an address, or the network that one host has
// under IPv6. A trusted front end is the source of everybody, and none.
func sourceOf(claim Claim) string {
	if claim.Trusted {
		return ""
	}
	at, err := netip.ParseAddr(claim.Source)
	if err != nil || at.Unmap().Is4() {
		return claim.Source
	}
	return env.SourceAt(at).String()
}

// ask goes from directory to directory until one knows the user.
func (c *Checker) ask(ctx context.Context, user, domain, password string) (User, error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return User{}, fmt.Errorf("%d passwords are being checked already", checksAtOnce)
	}
	var unable []error
	for _, d := range c.o.Directories {
		found, err := d.Check(ctx, user, domain, password)
		_, refused := errors.AsType[*Refusal](err)
		if err == nil || refused {
			return found, err
		}
		if !errors.Is(err, ErrUnknown) {
			unable = append(unable, err)
		}
	}
	if len(unable) > 0 {
		return User{}, errors.Join(unable...)
	}
	return User{}, refuse(xmlservice.FailedCredentials, "no directory has a user %q", user)
}

// split takes DOMAIN\user and user@domain apart.
func split(user, domain string) (name, in string) {
	if before, after, found := strings.Cut(user, `\`); found {
		return after, before
	}
	if before, after, found := strings.Cut(user, "@"); found {
		return before, after
	}
	return user, domain
}

// sorted is a list of names in order, each once.
func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
