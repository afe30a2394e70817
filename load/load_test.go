package load_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/load"
	"understudy/site"
	"understudy/world"
)

// zoneUnderLoad is a whole site in this process, without desktops of its own.
func zoneUnderLoad(t *testing.T) (*world.World, *site.Site) {
	t.Helper()
	small, err := world.Small(t.Context(), env.Real(), world.Short())
	if err != nil {
		t.Fatal(err)
	}
	w, err := world.New(t.Context(), world.Options{
		Env: env.Real(), Dir: t.TempDir(), Site: small, Zone: "berlin", SyncInterval: time.Second, NoSync: true,
		Logger: func(string) *logrus.Logger { l := logrus.New(); l.SetOutput(io.Discard); return l },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w, small
}

func options(s *site.Site) load.Options {
	o := load.Options{Env: env.Real(), Zone: "berlin", Rate: 50, Think: 50 * time.Millisecond, Seed: 1, Every: 200 * time.Millisecond}
	for _, c := range s.Connectors {
		o.Connectors = append(o.Connectors, c.ClientURL)
	}
	for _, m := range s.Machines {
		o.Machines = append(o.Machines, load.Machine{Name: m.Name, Capacity: max(1, m.Capacity)})
	}
	for _, u := range s.Users {
		o.Users = append(o.Users, u.Name)
	}
	return o
}

// Issue 4, 9: the phases of a zone are recognised and timed: Normal → cut → HA →
// kill → another serves.
func TestPhasesOfAnOutage(t *testing.T) {
	w, s := zoneUnderLoad(t)
	if err := start(t, w); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	var progress bytes.Buffer
	o := options(s)
	o.Progress = &progress
	o.OnEpoch = script(w, stop)
	run, err := load.New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := run.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	check(t, report, progress.String())
}

// start runs the cloud broker and the connectors.
func start(t *testing.T, w *world.World) error {
	t.Helper()
	err := w.StartCloud(t.Context())
	if _, failed := w.Publish(t.Context(), func(*site.Site) {}); failed != nil {
		return errors.Join(err, failed)
	}
	for _, c := range w.Connectors() {
		err = errors.Join(err, w.StartConnector(t.Context(), c.FQDN))
	}
	return err
}

// script cuts the cloud off when it serves, kills the first connector that serves
// and ends the run when the second has.
func script(w *world.World, stop func()) func(load.Epoch) {
	served := 0
	return func(e load.Epoch) {
		switch e.Stage {
		case load.ByCloud:
			time.AfterFunc(3*time.Second, w.KillCloud)
		case load.ByConnector:
			served++
			if served == 2 {
				time.AfterFunc(2*time.Second, stop)
				return
			}
			time.AfterFunc(2*time.Second, func() { w.KillConnector(e.Server) })
		case load.Unknown, load.Cut, load.Nobody:
		}
	}
}

func check(t *testing.T, r load.Report, progress string) {
	t.Helper()
	var stages []string
	for _, e := range r.Epochs {
		stages = append(stages, string(e.Stage))
		if e.Stage == load.ByConnector && (len(e.Reached) == 0 || e.Totals.Latency[load.Launch].Count == 0) {
			t.Errorf("%s: got %v registered and %v launches, want some", e.Server, e.Reached, e.Totals.Latency[load.Launch].Count)
		}
	}
	if got := strings.Join(stages, " "); !strings.HasPrefix(got, "normal cut ha ") || !strings.HasSuffix(got, " ha") {
		t.Errorf("got the stages %q, want normal cut ha … ha", got)
	}
	if last := r.Epochs[len(r.Epochs)-1]; last.TookOverFrom == "" || last.Gap <= 0 {
		t.Errorf("got %+v, want a takeover with its gap", last)
	}
	if r.Totals.Latency[load.Launch].Count == 0 || len(r.Samples) == 0 || !strings.Contains(progress, "took over from") {
		t.Errorf("got %+v and the progress %q", r.Totals, progress[max(0, len(progress)-2000):])
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, s := zoneUnderLoad(t)
	for name, change := range map[string]func(*load.Options){
		"Connectors names none": func(o *load.Options) { o.Connectors = nil },
		"Connectors: \"x\"":     func(o *load.Options) { o.Connectors = []string{"x"} },
		"Machines names none":   func(o *load.Options) { o.Machines = nil },
		"Zone is missing":       func(o *load.Options) { o.Zone = "" },
		"Users names none":      func(o *load.Options) { o.Users = nil },
		"Rate is less":          func(o *load.Options) { o.Rate = -1 },
		"Disconnects is not":    func(o *load.Options) { o.Disconnects = 2 },
	} {
		o := options(s)
		change(&o)
		if _, err := load.New(t.Context(), o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// Issue 4, 9: a run against nothing says so instead of measuring nothing.
func TestNobodyAnswers(t *testing.T) {
	_, s := zoneUnderLoad(t)
	run, err := load.New(t.Context(), options(s))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run.Run(t.Context()); !errors.Is(err, load.ErrNoAnswer) {
		t.Errorf("got %v, want %v", err, load.ErrNoAnswer)
	}
}
