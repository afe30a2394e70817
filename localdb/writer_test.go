package localdb_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"understudy/localdb"
)

// slowDisk commits when it is let, and notes what came together.
type slowDisk struct {
	let    chan struct{}
	fail   error
	groups []string
}

func (d *slowDisk) commit(group []string) []error {
	<-d.let
	slices.Sort(group)
	d.groups = append(d.groups, strings.Join(group, ""))
	errs := make([]error, len(group))
	for i := range errs {
		errs[i] = d.fail
	}
	return errs
}

// Design 7: group commit without linger. A lone write is committed alone; what
// comes meanwhile is committed together.
func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowDisk{let: make(chan struct{})}
		g := localdb.StartGroup(disk.commit)
		var all sync.WaitGroup
		for _, s := range []string{"a", "b", "c", "d", "e"} {
			all.Go(func() {
				if err := g.Do(t.Context(), s); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if got := g.Queued(); got != 4 {
			t.Errorf("%d wait, want all but the first", got)
		}
		close(disk.let)
		all.Wait()
		g.Stop()
		if got, want := strings.Join(disk.groups, " "), "a bcde"; got != want {
			t.Errorf("commits %q, want %q", got, want)
		}
	})
}

// A caller whose context ends learns whether its write is still to be made.
func TestGroupCommitCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowDisk{let: make(chan struct{})}
		g := localdb.StartGroup(disk.commit)
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(map[string]error)
		var mu sync.Mutex // guards errs
		for _, s := range []string{"a", "b"} {
			go func() {
				err := g.Do(ctx, s)
				mu.Lock()
				defer mu.Unlock()
				errs[s] = err
			}()
			synctest.Wait()
		}
		cancel()
		synctest.Wait()
		close(disk.let)
		g.Stop()
		if err := errs["a"]; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "may be made later") {
			t.Errorf("under way: %v, want that it may be made", err)
		}
		if err := errs["b"]; err == nil || err.Error() != context.Canceled.Error() {
			t.Errorf("queued: %v, want cancelled and nothing else", err)
		}
		if got := strings.Join(disk.groups, " "); got != "a" {
			t.Errorf("commits %q, want a alone", got)
		}
	})
}

// Stopping commits what is queued, and refuses what comes later.
func TestGroupCommitStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &slowDisk{let: make(chan struct{}), fail: errors.New("disk full")}
		g := localdb.StartGroup(disk.commit)
		var all sync.WaitGroup
		for _, s := range []string{"a", "b"} {
			all.Go(func() {
				if err := g.Do(t.Context(), s); !errors.Is(err, disk.fail) {
					t.Errorf("%s: %v, want the disk's error", s, err)
				}
			})
			synctest.Wait()
		}
		close(disk.let)
		g.Stop()
		all.Wait()
		if err := g.Do(t.Context(), "c"); !errors.Is(err, localdb.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}
