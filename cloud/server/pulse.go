package server

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	// probeEvery is how long the answer of a probe holds.
	probeEvery = time.Second
	// writePatience bounds a write: a disk that does not answer is no better than
	// one that says no.
	writePatience = 10 * time.Second
	// roomProbed is what a disk must take after a failure: more than any launch
	// writes. On one that is all but full the least of writes goes through.
	roomProbed = 256 << 10
)

// pulse is what is known of whether the store can be written.
type pulse struct {
	tell func(err error) // hears once of each failure; may be nil

	mu    sync.Mutex // guards what follows
	at    time.Time  // of the last probe; zero: the next question asks the disk
	err   error      // the first of the failure; nil: it can
	since time.Time  // of the write that is under way; zero: there is none
}

// turn takes the turn to probe, or returns what is known.
func (p *pulse) turn(now time.Time) (mine bool, known error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.since.IsZero() && now.Sub(p.since) >= writePatience {
		return false, fmt.Errorf("a write has not ended for %s", now.Sub(p.since).Round(time.Second))
	}
	if !p.at.IsZero() && now.Sub(p.at) < probeEvery {
		return false, p.err
	}
	p.at = now
	return true, p.err
}

// failed has the next question ask the disk at once: what failed may have been too
// large for a disk that is good for everything else.
func (p *pulse) failed(err error) {
	p.mu.Lock()
	first := p.err == nil
	if first {
		p.err, p.at = err, time.Time{}
	}
	p.mu.Unlock()
	if first && p.tell != nil {
		p.tell(err)
	}
}

func (p *pulse) works() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = nil
}

func (p *pulse) writing(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.since = since
}

// Writable reports whether the store can be written, as far as is known; it asks
// the disk where that was not done for a second and nobody writes just now.
func (st *store) Writable(ctx context.Context) error {
	mine, known := st.pulse.turn(time.Now())
	if !mine {
		return known
	}
	if err := st.gate(ctx); err != nil {
		return err
	}
	if !st.turn.TryLock() {
		return known
	}
	defer st.turn.Unlock()
	ctx = context.WithoutCancel(ctx) // what is found out is for everybody
	sizes := []int{1}
	if known != nil {
		sizes = []int{roomProbed, 1}
	}
	for _, size := range sizes {
		if err := st.transact(ctx, func(tx *sql.Tx) error { return probe(ctx, tx, size) }); err != nil {
			st.pulse.failed(err)
			return err
		}
	}
	st.pulse.works()
	return nil
}

func probe(ctx context.Context, tx *sql.Tx, size int) error {
	_, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES ('probe', ?)", strings.Repeat("x", size))
	return err
}

// write runs do in a transaction that is on disk when write returns. It passes the
// gate before it takes any lock.
func (st *store) write(ctx context.Context, do func(tx *sql.Tx) error) error {
	if err := st.gate(ctx); err != nil {
		return err
	}
	st.turn.Lock()
	defer st.turn.Unlock()
	err := st.transact(ctx, do)
	if err != nil && ctx.Err() == nil {
		st.pulse.failed(err)
	}
	return err
}

// transact is for whoever has the turn.
func (st *store) transact(ctx context.Context, do func(tx *sql.Tx) error) error {
	st.pulse.writing(time.Now())
	defer st.pulse.writing(time.Time{})
	tx, err := st.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}
