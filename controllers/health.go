package controllers

import (
	"context"
	"fmt"
	"strings"

	"understudy/wire"
	"understudy/xmlservice"
)

// Health succeeds where a controller names the farm and has checked the credentials.
func (p *Pool) Health(ctx context.Context) (wire.CloudHealth, error) {
	_, err := p.first(ctx, p.check, func(reply) bool { return false })
	if err != nil {
		return wire.CloudHealth{}, fmt.Errorf("check the controllers' health: %w", err)
	}
	return wire.CloudHealth{Site: p.o.Farm}, nil
}

func (p *Pool) check(ctx context.Context, s *server) (reply, error) {
	got, err := p.post(ctx, s, xmlPath, "text/xml", xmlservice.FarmRequest())
	switch {
	case err != nil:
		return got, err
	case got.ErrorID != "":
		return got, fmt.Errorf("it does not name its farm: %s", wire.Clip(string(got.ErrorID)))
	case !strings.EqualFold(got.Farm, p.o.Farm):
		return got, fmt.Errorf("it is of farm %q and not of %q", wire.Clip(got.Farm), p.o.Farm)
	case p.o.User == "":
		return got, nil
	}
	return p.validate(ctx, s)
}

// validate has the credentials checked. A refusal of them is an answer: the controller
// works, and a password that has run out must not begin an outage. It is told of.
func (p *Pool) validate(ctx context.Context, s *server) (reply, error) {
	got, err := p.post(ctx, s, xmlPath, "text/xml", xmlservice.ValidateRequest(p.o.User, p.o.Domain, p.o.Password))
	if err != nil {
		return got, err
	}
	if got.ErrorID != "" && !refusal(got.ErrorID) {
		return got, fmt.Errorf("it cannot check credentials: %s", wire.Clip(string(got.ErrorID)))
	}
	p.tell(string(got.ErrorID))
	return got, nil
}

// refusal reports whether an answer says that credentials were checked and are no good.
func refusal(why xmlservice.ErrorID) bool {
	for _, r := range []xmlservice.ErrorID{
		xmlservice.FailedCredentials, xmlservice.ExpiredCredentials, xmlservice.MustChange, xmlservice.AccountDisabled,
		xmlservice.AccountLockedOut, xmlservice.InvalidLogonHours, xmlservice.NotTrusted,
	} {
		if strings.EqualFold(string(r), string(why)) {
			return true
		}
	}
	return false
}

// tell says once that the own credentials are refused, until that changes.
func (p *Pool) tell(why string) {
	p.mu.Lock()
	before := p.refused
	p.refused = why
	p.mu.Unlock()
	if why != "" && why != before {
		p.o.OnRefused(fmt.Sprintf("the controllers refuse the credentials of user %s: %s", p.o.User, wire.Clip(why)))
	}
}
