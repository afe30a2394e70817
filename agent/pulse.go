package agent

import (
	"fmt"
	"sync/atomic"
	"time"

	"understudy/wire"
)

// How long each of what goes on by itself may take for one turn. The disk has limits of
// its own: what hangs here is the watch over it, not the disk. A sync may be long on a
// slow line.
const (
	loopPatience = 5 * time.Second
	diskPulse    = 2*probeLimit + 3*choreEvery
	syncPatience = 10 * time.Minute
)

// pulse is when what goes on by itself last did, since the start.
type pulse struct {
	loop, disk, sync atomic.Int64
}

func (a *Agent) beats(at *atomic.Int64) { at.Store(int64(time.Since(a.born))) }

// Progress names what has stood still: the loop that decides, the watch over the disk,
// the schedule of syncs. Each may be still for the time given, or for as long as its
// turn can take.
func (a *Agent) Progress(within time.Duration) error {
	now := time.Since(a.born)
	for _, p := range []struct {
		what     string
		at       *atomic.Int64
		patience time.Duration
	}{
		{"the loop that decides", &a.pulse.loop, loopPatience},
		{"the watch over the disk", &a.pulse.disk, diskPulse},
		{"the schedule of syncs", &a.pulse.sync, a.o.SyncInterval + syncPatience},
	} {
		if still := now - time.Duration(p.at.Load()); still > max(within, p.patience) {
			return fmt.Errorf("%s has stood still for %s", p.what, still.Round(time.Second))
		}
	}
	return nil
}

// Headline is the status in one line: "Normal – elected: cc01.example.test – snapshot
// h-4 (10 s old)".
func (a *Agent) Headline() string {
	s := a.Status()
	return stateWords(s) + " – " + electedWords(s.Election) + " – " + snapshotWords(s.Snapshot)
}

func stateWords(s wire.Status) string {
	if s.Starting {
		return string(s.State) + ", starting"
	}
	return string(s.State)
}

func electedWords(e wire.ElectionStatus) string {
	switch {
	case e.Elected == "":
		return "nobody elected"
	case e.Serving:
		return "elected: " + string(e.Elected) + ", serving"
	}
	return "elected: " + string(e.Elected)
}

func snapshotWords(s *wire.SnapshotStatus) string {
	if s == nil {
		return "no snapshot"
	}
	return "snapshot " + s.Version.String() + " (" + roughly(s.Age.D()) + " old)"
}

// roughly is a time in the largest unit that it fills, so that the sentence with it seldom
// changes; in seconds it goes by ten.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d/(10*time.Second))*10)
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
}
