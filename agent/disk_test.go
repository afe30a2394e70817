package agent

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/localdb"
)

func quietLog() *log {
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	return newLog(&Options{Logger: logger, Env: env.Env{Now: func() time.Time { return simNow }}})
}

// Design 4: three seconds of failure resign, one good probe ends them.
func TestDiskPatience(t *testing.T) {
	d := &disk{log: quietLog()}
	check := func(name string, at time.Duration, want string) {
		t.Helper()
		got := d.why(simNow.Add(at))
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	check("at first", time.Hour, "")
	d.failed(simNow, errors.New("disk full"))
	check("just now", 0, "")
	d.failed(simNow.Add(2*time.Second), errors.New("read only"))
	check("just before", diskPatience-1, "")
	check("three seconds after the first failure", diskPatience, "cannot be written: disk full")
	check("and later, in the same words", time.Hour, "cannot be written: disk full")
	d.works()
	check("it works", time.Hour, "")
	d.failed(simNow.Add(time.Hour), errors.New("disk full"))
	check("a new failure has its own patience", time.Hour+time.Second, "")
	check("and its own end", time.Hour+diskPatience, "disk full")
	if got := len(d.log.rows); got != 2 {
		t.Errorf("got %d events, want one for each of the two failures", got)
	}
}

// Design 4: whoever could not write says so. A disk that fails as the time of the last
// StoreFront request is kept must not wait for a probe that comes after that.
func TestDiskFailsUnderFrontActivity(t *testing.T) {
	world := env.Real()
	state, err := localdb.OpenState(t.TempDir(), localdb.StateOptions{Env: world, Origin: "cc01.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	a := &Agent{o: Options{Env: world}, state: state, disk: &disk{log: quietLog()}, front: newFront(time.Now(), time.Second, true)}
	if at := a.keepFrontActivity(t.Context(), -1); at < 0 || a.disk.failing() {
		t.Errorf("on a good disk it was kept at %s, failing %t", at, a.disk.failing())
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	if at := a.keepFrontActivity(t.Context(), -1); at >= 0 || !a.disk.failing() {
		t.Errorf("on one that cannot be written it was kept at %s, failing %t", at, a.disk.failing())
	}
}
