package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// schedule puts the plan's faults onto the agenda, each at an odd moment.
func (r *run) schedule() {
	begin := time.Now()
	for i, f := range r.plan.Faults {
		r.agenda.add(begin.Add(f.At+r.odd("fault", uint64(i), time.Millisecond)), func() { r.carryOut(f) })
	}
}

// deeds are what each kind of fault does.
var deeds = map[Kind]func(*run, Fault) error{
	Crash: (*run).crash, Leave: (*run).leave, Restart: (*run).restart, Upgrade: (*run).upgrade, Pause: (*run).pause,
	Cut:       func(r *run, f Fault) error { return r.cut(f, both(f.Who, f.Other)) },
	CutOneWay: func(r *run, f Fault) error { return r.cut(f, []way{{f.Who, f.Other}}) },
	Heal:      (*run).heal, Slow: (*run).slow, Lossy: (*run).lossy,
	CloudCrash:   func(r *run, f Fault) error { return r.crash(atCloud(f)) },
	CloudRestart: func(r *run, f Fault) error { return r.restart(atCloud(f)) },
	CloudPause:   func(r *run, f Fault) error { return r.pause(atCloud(f)) },
	CloudSlow:    (*run).cloudSlow, CloudErrors: (*run).cloudErrors, CloudGarbage: (*run).cloudGarbage,
	CloudFlap: (*run).cloudFlap,
	CloudCut:  func(r *run, f Fault) error { return r.cut(f, both(f.Who, cloudName)) },
	Force:     (*run).order, Clear: (*run).order,
	Promote: (*run).electionOrder, Drain: (*run).electionOrder, Undrain: (*run).electionOrder,
	Standby: (*run).standby, Jump: (*run).standby, Change: (*run).change, Suspicious: (*run).shrink, Accept: (*run).snapshotOrder, Rollback: (*run).snapshotOrder, Reboot: (*run).reboot,
	Launch: (*run).launch, Disconnect: (*run).act, Reconnect: (*run).act, Logoff: (*run).act,
	Clock: (*run).clock,
}

func atCloud(f Fault) Fault { f.Who = cloudName; return f }

func both(a, b string) []way { return []way{{a, b}, {b, a}} }

// carryOut does one thing to the site.
func (r *run) carryOut(f Fault) {
	r.trace.add("plan", describe(f))
	if r.shakes(f.Kind) {
		r.disturb(f.For)
	}
	if slices.Contains([]Kind{Force, Clear, Promote, Drain, Undrain, Standby, Jump, Change, Suspicious, Accept, Rollback}, f.Kind) {
		r.ordered = time.Now()
	}
	deed := deeds[f.Kind]
	if deed == nil {
		r.trace.add("plan", string(f.Kind)+" is not supported yet")
		return
	}
	if err := deed(r, f); err != nil {
		r.trace.add("plan", fmt.Sprintf("%s: %v", f.Kind, err))
	}
}

func describe(f Fault) string {
	text := strings.TrimRight(fmt.Sprintf("%s %s %s", f.Kind, f.Who, f.Other), " ")
	if f.For > 0 {
		text += " for " + f.For.String()
	}
	if f.N != 0 {
		text += fmt.Sprintf(" (%d)", f.N)
	}
	return text
}

// shakes reports whether a fault may stir the election.
func (r *run) shakes(k Kind) bool {
	return !slices.Contains([]Kind{Launch, Disconnect, Reconnect, Logoff, Clock, Reboot}, k)
}

// disturb notes that the site is not quiet until then.
func (r *run) disturb(d time.Duration) {
	if until := time.Now().Add(d); until.After(r.quiet) {
		r.quiet = until
	}
}

// later does something after the fault's duration, if it has one.
func (r *run) later(f Fault, do func()) {
	if f.For > 0 {
		r.agenda.add(time.Now().Add(f.For), func() { r.disturb(0); do() })
	}
}

// task runs what takes time beside the driver.
func (r *run) task(do func()) { r.tasks.Go(do) }

func (r *run) isDown(who string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopped[who]
}

func (r *run) setDown(who string, down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped[who] = down
}

var errNotRunning = errors.New("it does not run")

func (r *run) crash(f Fault) error {
	if r.isDown(f.Who) || r.hosts[f.Who] == nil {
		return errNotRunning
	}
	r.setDown(f.Who, true)
	synctest.Wait() // nothing of it is writing
	if err := r.world.Crash(processName(f.Who)); err != nil {
		return err
	}
	r.later(f, func() { r.bringUp(f.Who) })
	return nil
}

// isStopping reports whether a process is on its way down, and comes up by itself.
func (r *run) isStopping(who string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stopping[who]
}

func (r *run) setStopping(who string, stopping bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopping[who] = stopping
}

// leave takes a connector away for good.
func (r *run) leave(f Fault) error {
	r.setGone(f.Who)
	return r.crash(Fault{Who: f.Who})
}

func (r *run) setGone(who string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gone[who] = true
}

func (r *run) isGone(who site.FQDN) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gone[string(who)] && r.stopped[string(who)]
}

// restart ends a process in an orderly way first, where it runs.
func (r *run) restart(f Fault) error {
	if r.isDown(f.Who) {
		r.bringUp(f.Who)
		return nil
	}
	r.setDown(f.Who, true)
	r.setStopping(f.Who, true)
	r.task(func() {
		if err := r.world.Stop(processName(f.Who)); err != nil {
			r.trace.add(f.Who, "stopped with an error: "+err.Error())
		}
		r.setStopping(f.Who, false)
		if env.Sleep(r.ctx, max(f.For, time.Millisecond)) == nil {
			r.bringUp(f.Who)
		}
	})
	return nil
}

// bringUp starts what is down.
func (r *run) bringUp(who string) {
	if !r.isDown(who) || r.isStopping(who) || r.isGone(site.FQDN(who)) || r.world.Runs(processName(who)) {
		return
	}
	var err error
	switch {
	case who == cloudName:
		err = r.world.StartCloud(r.ctx)
	case strings.HasPrefix(who, "cc"):
		r.watch.begins(site.FQDN(who))
		err = r.world.StartConnector(r.ctx, site.FQDN(who))
	default:
		err = r.world.StartDesktop(r.ctx, who)
	}
	if err != nil {
		r.watch.broken(ruleStart, fmt.Sprintf("%s does not start: %v", who, err))
	}
	r.setDown(who, false)
}

func (r *run) pause(f Fault) error {
	if r.isDown(f.Who) || r.hosts[f.Who] == nil {
		return errNotRunning
	}
	l := r.hosts[f.Who].life
	l.pause()
	r.later(f, l.wake)
	return nil
}

func (r *run) cut(f Fault, ways []way) error {
	r.net.cut(ways...)
	r.later(f, func() { r.net.heal(ways...) })
	return nil
}

func (r *run) heal(f Fault) error {
	r.net.calm(func(w way) bool {
		switch {
		case f.Who == "":
			return true
		case f.Other == "":
			return w.from == f.Who || w.to == f.Who
		}
		return w == way{f.Who, f.Other} || w == way{f.Other, f.Who}
	})
	return nil
}

func (r *run) slow(f Fault) error {
	r.net.slow(time.Duration(f.N)*time.Millisecond, both(f.Who, f.Other)...)
	r.later(f, func() { r.net.slow(0, both(f.Who, f.Other)...) })
	return nil
}

func (r *run) lossy(f Fault) error {
	r.net.lossy(f.N, both(f.Who, f.Other)...)
	r.later(f, func() { r.net.lossy(0, both(f.Who, f.Other)...) })
	return nil
}

func (r *run) cloudSlow(f Fault) error {
	r.cloud.set(func(m *misbehaviour) { m.slow = time.Duration(f.N) * time.Millisecond })
	r.later(f, func() { r.cloud.set(func(m *misbehaviour) { m.slow = 0 }) })
	return nil
}

func (r *run) cloudErrors(f Fault) error {
	r.cloud.set(func(m *misbehaviour) { m.errors = uint64(f.N) })
	r.later(f, func() { r.cloud.set(func(m *misbehaviour) { m.errors = 0 }) })
	return nil
}

func (r *run) cloudGarbage(f Fault) error {
	n := uint64(f.N)
	if n == 0 {
		n = 100
	}
	r.cloud.set(func(m *misbehaviour) { m.garbage = n })
	r.later(f, func() { r.cloud.set(func(m *misbehaviour) { m.garbage = 0 }) })
	return nil
}

// cloudFlap takes the cloud broker away and gives it back, N times.
func (r *run) cloudFlap(f Fault) error {
	times := max(1, f.N)
	half := f.For / time.Duration(2*times)
	var ways []way
	for _, c := range r.world.Connectors() {
		ways = append(ways, both(string(c.FQDN), cloudName)...)
	}
	for i := range times {
		at := time.Now().Add(time.Duration(2*i) * half)
		r.agenda.add(at, func() { r.net.cut(ways...) })
		r.agenda.add(at.Add(half), func() { r.net.heal(ways...) })
	}
	return nil
}

// order gives an operator's order on a connector.
func (r *run) order(f Fault) error {
	if r.isDown(f.Who) {
		return errNotRunning
	}
	a := r.world.Agent(site.FQDN(f.Who))
	z := r.watch.zoneOf(site.FQDN(f.Who))
	r.watch.gaveOrder(z)
	r.task(func() {
		answer, err := a.Outage(r.ctx, wire.OutageOrder{Action: string(f.Kind), Reason: "drill", By: "plan"})
		r.watch.orderDone(z, f.Kind == Force, err == nil, answer.Record.Number)
		if err != nil {
			r.trace.add(f.Who, fmt.Sprintf("%s is refused: %v", f.Kind, err))
			return
		}
		r.trace.add(f.Who, fmt.Sprintf("%s is done: record %d", f.Kind, answer.Record.Number))
	})
	return nil
}

// electionOrder gives an order about a connector's part in the election.
func (r *run) electionOrder(f Fault) error {
	if r.isDown(f.Who) {
		return errNotRunning
	}
	a := r.world.Agent(site.FQDN(f.Who))
	r.task(func() {
		_, err := a.Election(r.ctx, wire.ElectionOrder{Action: string(f.Kind), By: "plan"})
		r.trace.add(f.Who, fmt.Sprintf("%s: %v", f.Kind, err))
	})
	return nil
}

func (r *run) standby(f Fault) error {
	return r.publish(func(s *site.Site) {
		for i := range s.Connectors {
			if name := string(s.Connectors[i].FQDN); name == f.Who || name == f.Other {
				s.Connectors[i].Standby = f.N == 1
			}
		}
	})
}

// change changes something that is neither a connector nor a setting.
func (r *run) change(f Fault) error {
	return r.publish(func(s *site.Site) {
		switch i := f.N % len(s.Machines); f.N % 3 {
		case 0:
			s.Users = append(s.Users, site.User{Name: fmt.Sprintf("new%04d", len(s.Users))})
		case 1:
			s.Machines[i].Weight = 50 + (s.Machines[i].Weight+1)%50
		default:
			s.Groups[1].ReuseInOutage = !s.Groups[1].ReuseInOutage
		}
	})
}

// publish changes the site as it was published last. What nobody would take stays in no
// later one: an administrator who is refused changes what was there before.
func (r *run) publish(change func(*site.Site)) error {
	next := *r.site
	next.Connectors, next.Machines = slices.Clone(next.Connectors), slices.Clone(next.Machines)
	next.Users, next.Groups = slices.Clone(next.Users), slices.Clone(next.Groups)
	change(&next)
	if len(next.Validate()) == 0 {
		r.site = &next
	}
	r.task(func() {
		ctx, cancel := context.WithTimeout(r.ctx, 20*time.Second)
		defer cancel()
		version, err := r.world.Publish(ctx, func(s *site.Site) { *s = next })
		r.trace.add("admin", fmt.Sprintf("published %s: %v", version, err))
	})
	return nil
}

// reboot ends all sessions of a desktop.
func (r *run) reboot(f Fault) error {
	if r.isDown(f.Who) || r.hosts[f.Who] == nil {
		return errNotRunning
	}
	r.boots[f.Who]++
	r.watch.rebooted(f.Who)
	f.For = cmp.Or(f.For, time.Second)
	return r.crash(f)
}

func (r *run) clock(f Fault) error {
	h := r.hosts[f.Who]
	if h == nil {
		return errNotRunning
	}
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	h.jump += time.Duration(f.N) * time.Second
	return nil
}
