package agent

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/events"
	configsync "understudy/sync"
	"understudy/wire"
)

// A connector that is started before its site is published does not wait for a whole
// interval: it asks soon, with pauses that grow, and the schedule goes on beside that.
func TestAsksSoonWhileThereIsNoSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := syncsOf(t, scheduling(t), 59*time.Second, func(context.Context, int) {})
		for i := 1; i < len(got); i++ {
			if gap := got[i] - got[i-1]; gap > 20 {
				t.Errorf("asked at %v s: a gap of %d s", got, gap)
			}
		}
		if len(got) < 6 || len(got) > 9 || got[1] > 8 {
			t.Errorf("asked at %v s, want soon and less and less often", got)
		}
	})
}

// Once the site is there the schedule is enough: LHC-01, "every 60 s".
func TestAsksNoMoreOftenOnceTheSiteIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := scheduling(t)
		got := syncsOf(t, a, 250*time.Second, func(_ context.Context, n int) {
			if n == 2 { // published meanwhile
				a.learnSite(t)
			}
		})
		if want := []int{60, 120, 180, 240}; len(got) != 6 || got[1] > 8 || !near(got[2:], want) {
			t.Errorf("synced at %v s, want two soon and then about %v", got, want)
		}
	})
}

// RFC 9110, 10.2.3: who is told "how long the user agent ought to wait" leaves the cloud
// broker alone, with the schedule too.
func TestFirstAsksHeedRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := scheduling(t)
		busy := wire.NewProblem(503, wire.CodeBusy, "busy")
		busy.RetryAfter = 90 * time.Second
		got := syncsOf(t, a, 100*time.Second, func(_ context.Context, n int) {
			if n == 1 {
				a.noteSync(configsync.Result{Outcome: configsync.Failed, Err: busy}, "")
			}
		})
		if len(got) < 2 || got[1] < 90 || got[1] > 98 {
			t.Errorf("asked at %v s, want nothing for 90 s after the first", got)
		}
	})
}

// Status says what such a connector waits for, and the same reason is no news each time.
func TestTellsOfFirstAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := scheduling(t)
		none := errors.New("no site has been published yet")
		syncsOf(t, a, 59*time.Second, func(context.Context, int) {
			a.noteSync(configsync.Result{Outcome: configsync.Failed, Err: none}, "")
		})
		if names := a.raised(); len(names) != 1 || names[0] != events.SyncFailed {
			t.Errorf("in an interval it told of %v, want one failed sync", names)
		}
		s := a.syncStatus()
		if !strings.HasPrefix(s.Waiting, "for a first copy of the site; asks again at ") || s.Detail != none.Error() {
			t.Errorf("status says %+v", s)
		}
		if missing := strings.Join(a.missing(wire.Status{Sync: s}, nil), "\n"); !strings.Contains(missing, "the whole site, of which there is no copy yet: "+none.Error()) {
			t.Errorf("missing: %s", missing)
		}
		a.learnSite(t)
		if s := a.syncStatus(); s.Waiting != "" {
			t.Errorf("with a site it waits %s", s.Waiting)
		}
	})
}
