//go:build linux

package bench_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"understudy/load"
	"understudy/site"
)

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

// users are how many came and how many of them got nothing.
type users struct{ came, failed float64 }

// usersOf counts in the epochs of some stages. Each user asks once what there is.
func usersOf(r load.Report, stages ...load.Stage) users {
	var u users
	for _, e := range r.Epochs {
		if !slices.Contains(stages, e.Stage) {
			continue
		}
		u.came += float64(e.Totals.Latency[load.Resources].Count)
		for _, n := range e.Totals.Errors[load.Resources] {
			u.came += float64(n)
		}
		for _, kind := range []load.Kind{load.Resources, load.Launch, load.Redeem} {
			for _, n := range e.Totals.Errors[kind] {
				u.failed += float64(n)
			}
		}
	}
	return u
}

// Issue 4, "Shown by": the times of each step are those that the report tells.
func TestTimesOfAnOutage(t *testing.T) {
	var r load.Report
	must(json.Unmarshal([]byte(`{"began": "2026-01-01T00:00:00Z", "epochs": [
		{"stage": "normal", "at_s": 0, "lasted_s": 20, "registered_after_s": {"95": 3}},
		{"stage": "cut", "at_s": 20, "lasted_s": 6, "totals": {"errors": {"resources": {"cloud_unreachable": 5}}}},
		{"stage": "nobody", "at_s": 26, "lasted_s": 0.5},
		{"stage": "ha", "server": "cc01", "at_s": 26.5, "lasted_s": 1, "first_launch_s": 0.25,
			"totals": {"latency": {"resources": {"count": 7}}, "errors": {"resources": {"timeout": 1}, "launch": {"no_machine_available": 2}}}},
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
	if got, want := usersOf(r, load.ByConnector), (users{came: 8, failed: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, want := usersOf(r, load.ByConnector, load.Cut), (users{came: 13, failed: 8}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := timesOf(r, after(18), after(46), after(90)); !math.IsNaN(got.home) {
		t.Errorf("got %v, want nothing: the cloud broker did not serve again", got.home)
	}
}
