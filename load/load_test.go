package load_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
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
	settings := world.Short()
	// A busy machine is not to look like a lost connector: a killed one needs no deadline.
	settings.Deadline, settings.JoinWait, settings.PreemptAfter = site.Duration(5*time.Second), site.Duration(5*time.Second), site.Duration(time.Minute)
	small, err := world.Small(t.Context(), env.Real(), settings)
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
	d := &director{world: w, stop: stop}
	o := options(s)
	o.Progress, o.OnEpoch = d, d.enter
	run, err := load.New(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := run.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	check(t, report, d.progress.String())
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

// director takes a zone through an outage, by what the run tells: it cuts the cloud
// off, kills the first connector that serves and ends the run, each when desktops were
// registered and launches answered. The run calls it from one goroutine.
type director struct {
	world    *world.World
	stop     func()
	progress bytes.Buffer
	now      load.Epoch
	lines    int // since it began
	killed   site.FQDN
}

var busyLine = regexp.MustCompile(`desktops [1-9].* launches [0-9.]*[1-9]`)

func (d *director) enter(e load.Epoch) { d.now, d.lines = e, 0 }

// Write takes a line of progress, of which there are five a second. What it counts is up
// to a second old, so the first of an epoch may tell of the one before.
func (d *director) Write(line []byte) (int, error) {
	if d.lines++; d.lines > 7 && busyLine.Match(line) {
		d.act()
	}
	return d.progress.Write(line)
}

func (d *director) act() {
	switch {
	case d.now.Stage == load.ByCloud:
		go d.world.KillCloud()
	case d.now.Stage == load.ByConnector && d.killed == "" && d.allCanServe():
		d.killed = d.now.Server
		go d.world.KillConnector(d.killed)
	case d.now.Stage == load.ByConnector && d.killed != "" && d.now.Server != d.killed:
		d.stop()
	}
}

// allCanServe reports whether every connector is in HA mode and could take over: the
// next in order does so then.
func (d *director) allCanServe() bool {
	for _, c := range d.world.Connectors() {
		a := d.world.Agent(c.FQDN)
		if a == nil {
			return false
		}
		if s := a.Status(); !s.State.HA() || !s.Election.CanServe {
			return false
		}
	}
	return true
}

func check(t *testing.T, r load.Report, progress string) {
	t.Helper()
	var stages []string
	launches := map[site.FQDN]int{}
	for _, e := range r.Epochs {
		// A moment in which nobody serves is an epoch too; how many there are is the zone's
		// affair, and the same one may serve after it.
		if e.Stage != load.Nobody {
			stages = append(stages, strings.TrimSpace(string(e.Stage)+" "+string(e.Server)))
		}
		if e.Stage == load.ByConnector {
			launches[e.Server] += int(e.Totals.Latency[load.Launch].Count)
		}
	}
	if got, want := slices.Compact(stages), []string{"normal", "cut", "ha cc01.demo.test", "ha cc02.demo.test"}; !slices.Equal(got, want) {
		t.Errorf("got the stages %q, want %q", got, want)
	}
	if launches["cc01.demo.test"] == 0 || launches["cc02.demo.test"] == 0 {
		t.Errorf("got the launches %v, want some of each", launches)
	}
	if last := r.Epochs[len(r.Epochs)-1]; last.TookOverFrom == "" || last.Gap <= 0 || len(last.Reached) == 0 {
		t.Errorf("got %+v, want a takeover with its gap, and registered desktops", last)
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
