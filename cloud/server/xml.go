package server

import (
	"errors"

	"github.com/sirupsen/logrus"

	"understudy/storefront"
	"understudy/wire"
	"understudy/xmlservice"
)

// xml is what handlers are told of users and of what may be shown; whoever was not
// let in is logged.
func (s *Server) xml() storefront.XML {
	x := s.o.XML
	x.OnRefused = func(c xmlservice.Claim, why error) {
		refusal, ok := errors.AsType[*xmlservice.Refusal](why)
		if ok && refusal.ID == xmlservice.AccountLockedOut {
			return // each try of a guesser would be a line
		}
		s.log.WithFields(logrus.Fields{"user": wire.Clip(c.String()), "source": c.Source, "reason": wire.Clip(why.Error())}).Warn("a user was not let in")
	}
	return x
}
