package agent

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/wire"
)

// Issue 6: "watchdog that pings only while the loops make progress": each of the three
// is named when it stands still for longer than it may, and only then.
func TestProgressNamesWhatStandsStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Agent{born: time.Now()}
		a.o.SyncInterval = time.Minute
		all := func() { a.beats(&a.pulse.loop); a.beats(&a.pulse.disk); a.beats(&a.pulse.sync) }
		for name, c := range map[string]struct {
			others func()
			after  time.Duration
		}{
			"loop":     {func() { a.beats(&a.pulse.disk); a.beats(&a.pulse.sync) }, loopPatience},
			"disk":     {func() { a.beats(&a.pulse.loop); a.beats(&a.pulse.sync) }, diskPulse},
			"schedule": {func() { a.beats(&a.pulse.loop); a.beats(&a.pulse.disk) }, time.Minute + syncPatience},
		} {
			all()
			<-time.After(c.after)
			c.others()
			if err := a.Progress(time.Second); err != nil {
				t.Errorf("%s: %v, want it to have its time", name, err)
			}
			<-time.After(time.Nanosecond)
			if err := a.Progress(time.Second); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: got %v, want it named", name, err)
			}
			if err := a.Progress(time.Hour); err != nil {
				t.Errorf("%s: %v, but within an hour it went on", name, err)
			}
		}
	})
}

// "a loop that hangs": in a command, say because the disk never answers.
func TestHungLoopMakesNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := judged(t)
		ctx, stop := context.WithCancel(t.Context())
		a.born, a.o.SyncInterval = time.Now(), time.Minute
		a.commands, a.looped, a.wakeup = make(chan func()), make(chan struct{}), make(chan struct{}, 1)
		a.o.Env.Gate = func(ctx context.Context) error { return ctx.Err() }
		go a.loop(ctx)
		hang := make(chan struct{})
		a.commands <- func() { <-hang }
		<-time.After(loopPatience)
		if err := a.Progress(time.Second); err != nil {
			t.Error(err)
		}
		<-time.After(time.Minute)
		a.beats(&a.pulse.disk)
		if err := a.Progress(time.Second); err == nil || !strings.Contains(err.Error(), "the loop that decides has stood still for 1m5s") {
			t.Errorf("got %v, want the loop named", err)
		}
		stop()
		close(hang)
		<-a.looped
	})
}

// "`STATUS=` text".
func TestHeadline(t *testing.T) {
	a := judged(t)
	snapshot := &wire.SnapshotStatus{Age: 12_345_678_901}
	snapshot.Version.History, snapshot.Version.Number = "h", 4
	show := func(s wire.Status) string {
		a.view.Store(&operatorView{status: s})
		return a.Headline()
	}
	for _, c := range []struct {
		status wire.Status
		want   string
	}{
		{wire.Status{State: "Normal", Election: wire.ElectionStatus{Elected: "cc01.example.test"}, Snapshot: snapshot}, "Normal – elected: cc01.example.test – snapshot h-4 (10 s old)"},
		{wire.Status{State: "Normal", Starting: true}, "Normal, starting – nobody elected – no snapshot"},
	} {
		if got := show(c.status); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
