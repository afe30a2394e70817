package agent

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
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
