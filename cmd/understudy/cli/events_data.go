package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"understudy/events"
	"understudy/localdb"
)

// storedEvents shows the events that a connector left in its data folder.
func (a *app) storedEvents(ctx context.Context, f eventFlags) error {
	state, err := localdb.OpenStateReadOnly(f.data)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not the data folder of a connector: it holds no state database (%w)", f.data, err)
	}
	if err != nil {
		return fmt.Errorf("read the data folder %s: %w", f.data, err)
	}
	defer func() { _ = state.Close() }()
	query := localdb.EventQuery{After: max(f.after, 0), Limit: f.limit, Newest: f.after < 0}
	for _, kind := range f.kinds {
		query.Names = append(query.Names, events.Name(kind))
	}
	list, err := state.Events(ctx, query)
	if err != nil {
		return err
	}
	return a.printEvents(list)
}
