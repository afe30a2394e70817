package server

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"understudy/env"
	"understudy/site"
)

// restore gives a store that was put back from a backup a new history, and its
// newest version a new name in it: connectors that hold newer versions of the old
// history then go on with this store.
func (st *store) restore(ctx context.Context, e env.Env) error {
	current, err := st.Current(ctx)
	if err != nil {
		return err
	}
	history := site.NewHistory(e, after(st.history, e.Now()))
	err = st.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE meta SET value = ? WHERE key = 'history'", history); err != nil {
			return err
		}
		return st.rename(ctx, tx, current, history)
	})
	if err != nil {
		return fmt.Errorf("begin a new history: %w", err)
	}
	st.history = history
	return nil
}

// rename publishes the same site as the next version, of another history.
func (st *store) rename(ctx context.Context, tx *sql.Tx, p *published, history string) error {
	if p.version.IsZero() {
		return nil
	}
	next, err := render(p.index.Site(), site.Version{History: history, Number: p.version.Number + 1}, p.digest, p.contained)
	if err != nil {
		return err
	}
	return st.insert(ctx, tx, next, change{author: "the restoration", digest: p.digest})
}

// after is now, or a second after the history's birth where the clock is not
// beyond that: a history must sort after the one that it replaces.
func after(history string, now time.Time) time.Time {
	if birth, ok := site.HistoryBirth(history); ok && now.Before(birth.Add(time.Second)) {
		return birth.Add(time.Second)
	}
	return now
}
