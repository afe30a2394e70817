package cli

import (
	"slices"
	"testing"
	"time"

	"understudy/agent"
	"understudy/desktop"
	"understudy/env"
	"understudy/events"
	"understudy/pki"
	"understudy/service"
)

// Issue 6: "a watchdog that hears only while the loops go on", "ready once the listeners
// are bound": also of services whose certificate is kept.
func TestKeptServicesAreWatched(t *testing.T) {
	var connector, host runner = &agent.Agent{}, &desktop.Agent{}
	for name, s := range map[string]runner{"plain": connector, "kept": kept{runner: connector, keeper: &pki.Keeper{}}} {
		if _, ok := process(s).(service.Watched); !ok {
			t.Errorf("a connector, %s: %T is not watched", name, process(s))
		}
	}
	for name, s := range map[string]runner{"plain": host, "kept": kept{runner: host, keeper: &pki.Keeper{}}} {
		if _, ok := process(s).(service.Binder); !ok {
			t.Errorf("a desktop, %s: %T is ready before it has bound its listener", name, process(s))
		}
	}
}

// eventful is a service with events.
type eventful struct {
	runner
	kept, told []string
}

func (e *eventful) Tell(name events.Name, reason string) {
	e.told = append(e.told, string(name)+" "+reason)
}

func (e *eventful) Keep(at time.Time, name events.Name, reason string) {
	e.kept = append(e.kept, at.Format(time.RFC3339)+" "+string(name)+" "+reason)
}

// How a service got its first certificate, before it ran, is among its events too, at the
// time when it was, and what follows is told as it comes.
func TestFirstEnrolmentIsAnEvent(t *testing.T) {
	e := env.Real()
	e.Now = func() time.Time { return time.Unix(0, 0) }
	logged := 0
	k := &tended{}
	k.Keeper = pki.NewKeeper(pki.KeeperOptions{Env: e, Report: k.noting(e, func(events.Name, string) { logged++ })})
	k.Report(events.CertificateRenewed, "enrolled")
	s := &eventful{}
	keeping(s, k)
	k.Report(events.CertificateNotRenewed, "later")
	if want := []string{"1970-01-01T00:00:00Z certificate_renewed enrolled"}; !slices.Equal(s.kept, want) || logged != 1 {
		t.Errorf("kept %q, logged %d times; want %q, once", s.kept, logged, want)
	}
	if want := []string{"certificate_not_renewed later"}; !slices.Equal(s.told, want) {
		t.Errorf("told %q, want %q", s.told, want)
	}
	for range 3 * mostEarly {
		k.noting(e, func(events.Name, string) {})(events.CertificateNotRenewed, "away")
	}
	if len(k.early) != mostEarly {
		t.Errorf("%d reports wait, want %d at most", len(k.early), mostEarly)
	}
}
