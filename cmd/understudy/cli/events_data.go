package cli

import (
	"context"
	"errors"
)

func (a *app) storedEvents(context.Context, eventFlags) error {
	return errors.New("not yet")
}
