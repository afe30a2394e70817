package load

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"understudy/site"
)

// Report is what a run has measured.
type Report struct {
	Began    time.Time `json:"began"`
	Lasted   seconds   `json:"lasted_s"`
	Desktops int       `json:"desktops"`
	Users    int       `json:"users"`
	Rate     float64   `json:"arrivals_per_second"`
	Think    seconds   `json:"think_s"`
	Seed     uint64    `json:"seed"`
	// Registered is how many desktops were with the broker that served at the end.
	Registered int      `json:"registered"`
	Epochs     []Epoch  `json:"epochs"`
	Samples    []Sample `json:"samples"`
	Totals     Totals   `json:"totals"`
}

// seconds are written with milliseconds.
type seconds float64

// MarshalJSON writes a decimal number.
func (s seconds) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%.3f", float64(s)), nil }

func secondsOf(d time.Duration) seconds { return seconds(d.Seconds()) }

// Epoch is a time in which one broker served, or nobody.
type Epoch struct {
	at time.Time
	// reachedBefore are the milestones of the epoch before it.
	reachedBefore []time.Duration

	Stage  Stage     `json:"stage"`
	Server site.FQDN `json:"server,omitempty"`
	// At is when it began, from the beginning of the run.
	At     seconds `json:"at_s"`
	Lasted seconds `json:"lasted_s"`
	// TookOverFrom and Gap tell of an elected connector that was lost before: the
	// time from its last good answer to the first of the next.
	TookOverFrom site.FQDN `json:"took_over_from,omitempty"`
	Gap          seconds   `json:"gap_s,omitempty"`
	// FirstLaunch is when the first launch of the epoch was answered.
	FirstLaunch seconds `json:"first_launch_s,omitempty"`
	// Reached says when 50, 95, 99 and 100 % of the desktops had their lease from
	// the broker that serves, from the beginning of the epoch.
	Reached map[string]seconds `json:"registered_after_s,omitempty"`
	Totals  Totals             `json:"totals"`
}

// Totals are the requests of some time.
type Totals struct {
	LaunchesPerSecond float64                 `json:"launches_per_second"`
	Latency           map[Kind]Latency        `json:"latency"`
	Errors            map[Kind]map[string]int `json:"errors,omitempty"`
}

// Sample is what happened in one second.
type Sample struct {
	At            seconds `json:"at_s"`
	Registered    int     `json:"registered"`
	Registrations int     `json:"registrations"`
	Heartbeats    int     `json:"heartbeats"`
	Launches      int     `json:"launches"`
	Errors        int     `json:"errors"`
	LaunchP50     float64 `json:"launch_p50_ms"`
	LaunchP99     float64 `json:"launch_p99_ms"`
}

func (o Options) begin() Report {
	return Report{
		Began: o.Env.Now().UTC(), Desktops: len(o.Machines), Users: len(o.Users), Rate: o.Rate, Think: secondsOf(o.Think), Seed: o.Seed,
		Epochs: []Epoch{}, Samples: []Sample{},
	}
}

func (c counts) totals(lasted time.Duration) Totals {
	t := Totals{Latency: map[Kind]Latency{}, Errors: c.errors}
	for kind, h := range c.times {
		t.Latency[kind] = h.Latency()
	}
	if lasted > 0 {
		t.LaunchesPerSecond = float64(c.done(Launch)) / lasted.Seconds()
	}
	return t
}

// enter closes the epoch before and begins the next.
func (r *Report) enter(run *Runner, e Epoch) {
	r.leave(run, e.at, e.reachedBefore)
	e.At = secondsOf(e.at.Sub(run.began))
	r.Epochs = append(r.Epochs, e)
}

// leave completes the present epoch.
func (r *Report) leave(run *Runner, now time.Time, reached []time.Duration) {
	taken := run.tally.takeEpoch()
	if len(r.Epochs) == 0 {
		return
	}
	e := &r.Epochs[len(r.Epochs)-1]
	lasted := now.Sub(e.at)
	e.Lasted, e.Totals = secondsOf(lasted), taken.totals(lasted)
	if first := taken.first; !first.IsZero() {
		e.FirstLaunch = secondsOf(first.Sub(e.at))
	}
	e.Reached = reachedAt(reached)
}

// reachedAt names the milestones.
func reachedAt(reached []time.Duration) map[string]seconds {
	if len(reached) == 0 {
		return nil
	}
	names := map[string]seconds{}
	for i, d := range reached {
		names[fmt.Sprintf("%.0f", milestones[i]*100)] = secondsOf(d)
	}
	return names
}

func (r *Report) sample(run *Runner, now time.Time, c counts) {
	registered, _ := run.ledger.registered()
	launches := c.latency(Launch)
	s := Sample{
		At: secondsOf(now.Sub(run.began)), Registered: registered, Registrations: c.done(Register), Heartbeats: c.done(Heartbeat),
		Launches: c.done(Launch), LaunchP50: launches.P50, LaunchP99: launches.P99,
	}
	for kind := range c.errors {
		s.Errors += c.failed(kind)
	}
	r.Samples = append(r.Samples, s)
}

func (r *Report) end(run *Runner) {
	now := time.Now()
	registered, reached := run.ledger.registered()
	r.leave(run, now, reached)
	r.Registered = registered
	lasted := now.Sub(run.began)
	r.Lasted, r.Totals = secondsOf(lasted), run.tally.all.totals(lasted)
}

// Failed is the share of launches, 0 to 1, that were not answered well.
func (r Report) Failed() float64 {
	done, failed := float64(r.Totals.Latency[Launch].Count), 0.0
	for _, n := range r.Totals.Errors[Launch] {
		failed += float64(n)
	}
	if done+failed == 0 {
		return 0
	}
	return failed / (done + failed)
}

// progress is the line that tells how it goes; recent is since the line before.
func (r *Runner) progress(now time.Time, recent counts) string {
	registered, _ := r.ledger.registered()
	launches, every := recent.latency(Launch), r.o.Every.Seconds()
	line := fmt.Sprintf("%6.0fs  desktops %d/%d  registrations %.0f/s  heartbeats %.0f/s  launches %.1f/s",
		now.Sub(r.began).Seconds(), registered, len(r.o.Machines), float64(recent.done(Register))/every,
		float64(recent.done(Heartbeat))/every, float64(launches.Count)/every)
	if launches.Count > 0 {
		line += fmt.Sprintf("  p50 %.1f p95 %.1f p99 %.1f ms", launches.P50, launches.P95, launches.P99)
	}
	return line + errorsOf(recent)
}

// errorsOf lists the codes of the errors by kind of request.
func errorsOf(c counts) string {
	var texts []string
	for kind, codes := range c.errors {
		for code, n := range codes {
			texts = append(texts, fmt.Sprintf("%s %s %d", kind, code, n))
		}
	}
	if len(texts) == 0 {
		return ""
	}
	slices.Sort(texts)
	return "  errors: " + strings.Join(texts, ", ")
}
