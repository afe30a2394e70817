//go:build linux

package bench_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"understudy/load"
	"understudy/site"
	"understudy/zone"
)

// outage is a run of `understudy load` through an outage of the cloud broker in which
// the elected connector is killed: all of them are processes of the program.
type outage struct {
	*stand
	desktops int
	load     *proc
	progress tail
	report   string
	// when what was done to the zone
	cut, kill, back time.Time
	kept            time.Duration // after the kill the next one had 95 % of the desktops
}

// measureOutage goes through the outage and makes rows of the report.
func measureOutage(l *lab) {
	o := l.newOutage(*options.desktops)
	o.registered("all desktops are registered", 1, time.Minute)
	o.hold(10 * time.Second)
	o.loseCloud()
	o.registered("95 % are registered with the elected connector", 0.95, time.Minute)
	o.hold(15 * time.Second)
	o.loseElected()
	o.hold(15 * time.Second)
	o.returnCloud()
	o.registered("95 % are registered with the cloud broker", 0.95, 2*time.Minute)
	o.hold(10 * time.Second)
	o.rows(o.end())
}

func (l *lab) newOutage(desktops int) *outage {
	o := &outage{desktops: desktops, report: l.file(*options.report, "outage.json")}
	chart := l.file(*options.chart, "outage.svg")
	var all *site.Site
	o.stand = l.newStand(3, func(c ...site.Connector) *site.Site {
		all = bigSite(desktops, c...)
		all.Zones[0].Settings = outageSettings
		return all
	})
	file := writeJSON(o.dir, "site.json", all)
	o.load = l.start(nil, l.bin, "load", "--site", file, "--zone", "berlin", "--rate", "20", "--think", "10s", "--ramp", "5s", "--every", "1s",
		"--keep-leases", "--json", o.report, "--chart", chart)
	o.progress = tail{need(os.Open(o.load.log)), &follower{}}
	l.atEnd(func() { o.progress.file.Close() })
	return o
}

// outageSettings make the periods of an outage short; the desktops have as much time as
// by default.
var outageSettings = site.Settings{
	HealthInterval: site.Duration(2 * time.Second), Detection: site.Duration(5 * time.Second), InitialHA: site.Duration(time.Minute),
	Recovery: site.Duration(10 * time.Second), Deadline: site.Duration(400 * time.Millisecond),
}

// file is where something is left: as was asked, or with all else that is removed.
func (l *lab) file(asked, otherwise string) string {
	if asked == "" {
		return filepath.Join(l.folder(), otherwise)
	}
	return need(filepath.Abs(asked))
}

// phase waits and shows the progress meanwhile.
func (o *outage) phase(what string, deadline time.Duration, ok func() bool) {
	poll(what, 100*time.Millisecond, deadline, func() bool {
		o.progress.read()
		select {
		case <-o.load.done:
			panic(stop{fmt.Errorf("understudy load has ended: %s", need(os.ReadFile(o.load.log)))})
		default:
		}
		return ok()
	})
}

// registered waits for a share of the desktops; that it takes longer is for the rows to
// tell.
func (o *outage) registered(what string, share float64, patience time.Duration) {
	began, enough := time.Now(), share*float64(o.desktops)
	fmt.Println("# until " + what)
	o.hold(newLine)
	o.phase(what, 2*patience, func() bool {
		return float64(o.progress.to.count()) >= enough || time.Since(began) > patience
	})
}

func (o *outage) hold(d time.Duration) {
	began := time.Now()
	o.phase("time passes", 2*d, func() bool { return time.Since(began) > d })
}

func (o *outage) loseCloud() {
	fmt.Println("# kill -9 of the cloud broker")
	o.cut = time.Now()
	o.cloud.kill()
	o.phase("a connector serves", time.Minute, func() bool { return slices.ContainsFunc(o.zone, o.serves) })
}

func (o *outage) loseElected() {
	i := slices.IndexFunc(o.zone, o.serves)
	if i < 0 {
		panic(stop{fmt.Errorf("no connector serves")})
	}
	fmt.Println("# kill -9 of " + string(o.zone[i].name))
	o.kill = time.Now()
	o.zone[i].kill()
	o.next(slices.Delete(slices.Clone(o.zone), i, i+1))
}

// next waits for who follows. Desktops keep their leases and do not notice, so it is
// asked how many it has.
func (o *outage) next(left []*host) {
	o.zone = left
	enough := 95 * o.desktops / 100
	poll("another connector serves 95 % of the desktops", 5*time.Millisecond, time.Minute, func() bool {
		i := slices.IndexFunc(o.zone, o.serves)
		return i >= 0 && o.status(o.zone[i]).Registrations >= enough
	})
	o.kept = time.Since(o.kill)
}

func (o *outage) returnCloud() {
	fmt.Println("# the cloud broker is started again")
	o.back = time.Now()
	o.begin(o.cloud)
	away := func(h *host) bool { return o.beat(h).State != zone.Normal }
	o.phase("the zone is Normal", 3*time.Minute, func() bool { return !slices.ContainsFunc(o.zone, away) })
}

// end has the run write its report, as Ctrl-C does.
func (o *outage) end() load.Report {
	o.load.signal(syscall.SIGINT)
	select {
	case <-o.load.done:
	case <-time.After(time.Minute):
		panic(stop{fmt.Errorf("understudy load does not end")})
	}
	o.progress.read()
	var r load.Report
	must(json.Unmarshal(need(os.ReadFile(o.report)), &r))
	return r
}

func (o *outage) rows(r load.Report) {
	t := timesOf(r, o.cut, o.kill, o.back)
	name := fmt.Sprintf("outage of %d desktops: ", o.desktops)
	for _, step := range []struct {
		what    string
		value   float64
		unit    string
		against string
		limit   bar
	}{
		{"kill -9 of the cloud broker → InitialHA begins", t.entered, "s", "detection: 5s, health_interval: 2s", bar{}},
		{"95 % registered after InitialHA begins", t.registered, "s", reference, noMoreThan(10, "s")},
		{"first launch served after InitialHA begins", t.launched, "s", storeFront, bar{}},
		{"kill -9 of the elected → the next serves", 1000 * t.tookOver, "ms", "seen by heartbeats each 20 ms", noMoreThan(50, "ms")},
		{"95 % registered with the next after the kill", o.kept.Seconds(), "s", reference + ", all anew; here they keep their leases", noMoreThan(10, "s")},
		{"first launch served after the kill", t.launchedAgain, "s", storeFront, bar{}},
		{"cloud broker started → Normal", t.left, "s", "the rest of initial_ha: 1m, then recovery: 10s", bar{}},
		{"95 % registered with the cloud broker after Normal", t.home, "s", reference + ", once more", noMoreThan(100, "s")},
		{"launches that failed in all", 100 * r.Failed(), "%", launchesOf(r), bar{}},
	} {
		if math.IsNaN(step.value) {
			o.l.table.missing(name+step.what, step.against, "not seen in the run", step.limit)
			continue
		}
		o.l.table.add(row{Name: name + step.what, Value: step.value, Unit: step.unit, Against: step.against}, step.limit)
	}
}

// storeFront are the users' part of it.
const storeFront = "20 users a second; their StoreFront asks for heartbeats each second"

// reference is what the connectors of the reference take.
const reference = "reference: 100 s by push, 300 s by heartbeats"

// times are those of an outage's steps in seconds, NaN for one that did not come.
type times struct{ entered, registered, launched, tookOver, launchedAgain, left, home float64 }

// timesOf takes the steps out of a report. Until its engine is made nobody serves, so
// HA mode begins with that moment.
func timesOf(r load.Report, cut, kill, back time.Time) times {
	at := func(t time.Time) float64 { return t.Sub(r.Began).Seconds() }
	first := find(r, load.ByConnector, at(cut))
	second := find(r, load.ByConnector, at(kill))
	last := find(r, load.ByCloud, at(back))
	began := first.at
	for _, e := range slices.Backward(r.Epochs) {
		if e.Stage == load.Nobody && float64(e.At) > at(cut) && math.Abs(float64(e.At+e.Lasted)-began) < 0.001 {
			began = float64(e.At)
		}
	}
	return times{
		entered: began - at(cut), registered: first.registered - began, launched: first.launched - began,
		tookOver: second.at - at(kill), launchedAgain: second.launched - at(kill),
		left: last.at - at(back), home: last.registered - last.at,
	}
}

// sight is an epoch in seconds of the run.
type sight struct{ at, registered, launched float64 }

// find returns the first epoch of a stage that began after a moment, with those in which
// the same one serves again after answers that were too late.
func find(r load.Report, stage load.Stage, after float64) sight {
	never := math.NaN()
	s, server := sight{never, never, never}, site.FQDN("")
	for _, e := range r.Epochs {
		if e.Stage != stage || float64(e.At) < after {
			continue
		}
		if math.IsNaN(s.at) {
			s.at, server = float64(e.At), e.Server
		}
		if e.Server != server {
			break
		}
		if reached, ok := e.Reached["95"]; ok && math.IsNaN(s.registered) {
			s.registered = float64(e.At + reached)
		}
		if e.FirstLaunch > 0 && math.IsNaN(s.launched) {
			s.launched = float64(e.At + e.FirstLaunch)
		}
	}
	return s
}

func launchesOf(r load.Report) string {
	l := r.Totals.Latency[load.Launch]
	return fmt.Sprintf("%d answered, p50 %s ms, p99 %s ms", l.Count, short(l.P50), short(l.P99))
}

// Issue 4, "Shown by": the times of each step are those that the report tells.
func TestTimesOfAnOutage(t *testing.T) {
	var r load.Report
	must(json.Unmarshal([]byte(`{"began": "2026-01-01T00:00:00Z", "epochs": [
		{"stage": "normal", "at_s": 0, "lasted_s": 20, "registered_after_s": {"95": 3}},
		{"stage": "cut", "at_s": 20, "lasted_s": 6},
		{"stage": "nobody", "at_s": 26, "lasted_s": 0.5},
		{"stage": "ha", "server": "cc01", "at_s": 26.5, "lasted_s": 1, "first_launch_s": 0.25},
		{"stage": "nobody", "at_s": 27.5, "lasted_s": 0.5},
		{"stage": "ha", "server": "cc01", "at_s": 28, "lasted_s": 18.5, "first_launch_s": 0.5, "registered_after_s": {"50": 0, "95": 2.5}},
		{"stage": "nobody", "at_s": 46.5, "lasted_s": 0.5},
		{"stage": "ha", "server": "cc02", "at_s": 47, "lasted_s": 40, "first_launch_s": 0.125, "took_over_from": "cc01", "gap_s": 0.5},
		{"stage": "normal", "at_s": 87, "lasted_s": 10, "registered_after_s": {"95": 7}}]}`), &r))
	after := func(seconds float64) time.Time { return r.Began.Add(time.Duration(seconds * float64(time.Second))) }
	got := timesOf(r, after(18), after(46), after(60))
	want := times{entered: 8, registered: 4.5, launched: 0.75, tookOver: 1, launchedAgain: 1.125, left: 27, home: 7}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := timesOf(r, after(18), after(46), after(90)); !math.IsNaN(got.home) {
		t.Errorf("got %v, want nothing: the cloud broker did not serve again", got.home)
	}
}
