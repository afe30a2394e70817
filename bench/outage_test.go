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
	served, all, launch := usersOf(r, load.ByCloud, load.ByConnector), usersOf(r, load.ByCloud, load.ByConnector, load.Cut, load.Nobody), r.Totals.Latency[load.Launch]
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
		{"kill -9 of the elected → the next serves", 1000 * t.tookOver, "ms", "seen by heartbeats each 10 ms", noMoreThan(50, "ms")},
		{"95 % registered with the next after the kill", o.kept.Seconds(), "s", reference + ", all anew; here they keep their leases", noMoreThan(10, "s")},
		{"first launch served after the kill", t.launchedAgain, "s", storeFront, bar{}},
		{"cloud broker started → Normal", t.left, "s", "the rest of initial_ha: 1m, then recovery: 10s", bar{}},
		{"95 % registered with the cloud broker after Normal", t.home, "s", reference + ", once more", noMoreThan(100, "s")},
		{"users who got no desktop while a broker served", 100 * served.failed / served.came, "% of them", fmt.Sprintf("in all %.0f of %.0f, most of them before InitialHA; a launch took %s ms, p99 %s ms", all.failed, all.came, short(launch.P50), short(launch.P99)), bar{}},
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
