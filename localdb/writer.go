package localdb

import (
	"context"
	"fmt"
	"sync/atomic"
)

// writer is the one goroutine that commits. It takes all that is queued into one
// commit and never waits for more (group commit without linger); each caller
// waits for the commit that holds its write.
type writer[W any] struct {
	commit func([]W) []error
	queue  chan *write[W]
	quit   chan struct{}
	ended  chan struct{}
}

// write is one caller's wish. What happens to it first, being taken into a commit
// or being withdrawn, decides.
type write[W any] struct {
	what    W
	decided atomic.Bool
	done    chan error
}

// groupMax bounds one commit.
const groupMax = 1024

// startWriter starts the goroutine, which stop ends.
func startWriter[W any](commit func([]W) []error) *writer[W] {
	w := &writer[W]{
		commit: commit, queue: make(chan *write[W], groupMax),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.run()
	return w
}

// stop commits what is queued and ends the goroutine.
func (w *writer[W]) stop() {
	close(w.quit)
	<-w.ended
}

// do returns once the write is committed. When the context ends first, the error
// says whether the write will be made.
func (w *writer[W]) do(ctx context.Context, what W) error {
	one := &write[W]{what: what, done: make(chan error, 1)}
	select {
	case w.queue <- one:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return ErrClosed
	}
	select {
	case err := <-one.done:
		return err
	case <-ctx.Done():
		if one.decided.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return fmt.Errorf("the disk has not answered, so the write may be made later: %w", ctx.Err())
	case <-w.ended:
		return one.afterEnd()
	}
}

// afterEnd tells whether the last commit still took the write.
func (one *write[W]) afterEnd() error {
	select {
	case err := <-one.done:
		return err
	default:
		return ErrClosed
	}
}

func (w *writer[W]) run() {
	defer close(w.ended)
	for {
		select {
		case one := <-w.queue:
			w.commitGroup(w.group(one))
		case <-w.quit:
			w.commitGroup(w.group(nil))
			return
		}
	}
}

// group takes what is queued now.
func (w *writer[W]) group(first *write[W]) []*write[W] {
	var group []*write[W]
	for one := first; ; {
		if one != nil && one.decided.CompareAndSwap(false, true) {
			group = append(group, one)
		}
		if len(group) == groupMax {
			return group
		}
		select {
		case one = <-w.queue:
		default:
			return group
		}
	}
}

func (w *writer[W]) commitGroup(group []*write[W]) {
	if len(group) == 0 {
		return
	}
	all := make([]W, len(group))
	for i, one := range group {
		all[i] = one.what
	}
	for i, err := range w.commit(all) {
		group[i].done <- err
	}
}
