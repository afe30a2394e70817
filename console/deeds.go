package console

import (
	"errors"
	"net/http"
	"time"

	"understudy/roles"
	"understudy/wire"
)

// Deed is a change that somebody asked for.
type Deed struct {
	roles.Who
	// What was asked for, as method, path and action.
	What string
	// Reason is the one that was given, or why it was refused.
	Reason string
	// Said is who the order says gives it, where that is another than who does.
	Said string
	// Result is done, or the code of the problem with which it was answered.
	Result string
	// Refused says that they may not ask for it.
	Refused bool
	// Untold counts refusals before this one that nobody was told of.
	Untold int
}

// Done is the result of an order that was carried out.
const Done = "done"

// refused tells of a change that somebody may not ask for.
func (c *Console) refused(r *http.Request, who roles.Who, reason string) {
	bound := &c.refusals
	if who.Name == roles.Unknown {
		bound = &c.strangers
	}
	untold, ok := bound.Next(time.Now())
	if !ok {
		return
	}
	c.o.Tell(Deed{Who: who, What: wire.Clip(r.Method + " " + r.URL.Path), Reason: reason, Result: refusal(who), Refused: true, Untold: untold})
}

func refusal(who roles.Who) string {
	if who.Name == roles.Unknown {
		return wire.CodeUnauthorized
	}
	return wire.CodeForbidden
}

// order is what obey reads.
type order[O any] interface {
	*O
	Deed() wire.Deed
	Sign(by string)
}

// signed puts the name of who asks on an order. Who shares the token of the data
// folder is known by what the order says.
func signed(who roles.Who, said wire.Deed) (by string) {
	if who.Name == roles.Local && said.By != "" {
		return said.By
	}
	return who.Name
}

// account tells what became of an order.
func (c *Console) account(r *http.Request, said wire.Deed, err error) {
	d := Deed{Who: whoOf(r), What: wire.Clip(r.Method + " " + r.URL.Path + " " + said.Action), Reason: wire.Clip(said.Reason), Result: Done}
	if said.By != d.Name {
		d.Said = wire.Clip(said.By)
	}
	if err != nil {
		d.Result = wire.CodeInternal
		if p, ok := errors.AsType[*wire.Problem](err); ok {
			d.Result = p.Code
		}
	}
	c.o.Tell(d)
}
