package agent

import (
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// Issue 4: "paused one (SIGSTOP), at deadline 400 ms: within 450 ms". The loop decides
// at the instant at which a silent peer is lost, not at its next beat.
func TestLossIsNoticedWhenItHappens(t *testing.T) {
	now := time.Now()
	const deadline = 400 * time.Millisecond
	heard := func(ago time.Duration) peer.Sight { return peer.Sight{Heard: true, At: now.Add(-ago)} }
	for name, c := range map[string]struct {
		sights []peer.Sight
		want   time.Duration
	}{
		"alone":            {nil, peer.DefaultInterval},
		"all well":         {[]peer.Sight{heard(0), heard(99 * time.Millisecond)}, peer.DefaultInterval},
		"one is silent":    {[]peer.Sight{heard(0), heard(330 * time.Millisecond)}, 70*time.Millisecond + 1},
		"due now":          {[]peer.Sight{heard(deadline)}, 1},
		"passed meanwhile": {[]peer.Sight{heard(deadline + time.Second)}, 0},
		"lost already":     {[]peer.Sight{{At: now.Add(-time.Hour)}}, peer.DefaultInterval},
	} {
		if got := untilLoss(now, peer.DefaultInterval, c.sights, deadline); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

// Issue 4: "≤ 0.6 % of a core" when idle: where nothing is under way, not every
// heartbeat needs a round. Where something is, it does.
func TestCalm(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*core, *inputs)
		want   bool
	}{
		"nothing is under way":      {func(*core, *inputs) {}, true},
		"another has the office":    {func(c *core, _ *inputs) { c.office, c.election.Elected = false, "c1" }, true},
		"starting":                  {func(c *core, _ *inputs) { c.starting = true }, false},
		"leaving":                   {func(c *core, _ *inputs) { c.leaving = true }, false},
		"draining":                  {func(c *core, _ *inputs) { c.draining = true }, false},
		"the office is handed over": {func(c *core, _ *inputs) { c.closing = &closing{} }, false},
		"the office is to be taken": {func(c *core, _ *inputs) { c.office = false }, false},
		"the office is to be lost":  {func(c *core, _ *inputs) { c.election.Elected = "c1" }, false},
		"the zone is in an outage":  {func(c *core, _ *inputs) { c.record.Mode = zone.InitialHA }, false},
		"trouble":                   {func(_ *core, in *inputs) { in.health.trouble = "refused" }, false},
		"not healthy":               {func(_ *core, in *inputs) { in.health.healthy = false }, false},
		"an order":                  {func(_ *core, in *inputs) { in.order = &wire.OutageOrder{} }, false},
		"a promotion":               {func(_ *core, in *inputs) { in.promote = &wire.ElectionOrder{} }, false},
		"majority":                  {func(_ *core, in *inputs) { in.settings.Policy = site.Majority }, false},
	} {
		core, in := started(t, "c0", zone.Record{}), aloneInputs()
		in.settings.Policy = site.Available
		c.change(core, &in)
		if got := core.calm(in); got != c.want {
			t.Errorf("%s: calm %t, want %t", name, got, c.want)
		}
	}
}

// Design 4: "Under `available` a request is answered only if the election was evaluated
// within the last deadline." A calm loop looks around several times in each deadline that
// a zone may have, also where the mesh does not wake it up.
func TestCalmLoopLooksAround(t *testing.T) {
	for deadline, rounds := range map[time.Duration]time.Duration{
		200 * time.Millisecond: 2, 400 * time.Millisecond: 4, time.Second: 4, 2 * time.Second: 5, time.Minute: 100,
	} {
		a := &Agent{o: Options{Env: env.Real()}, calmed: true}
		a.deadline.Store(int64(deadline))
		if wait := a.rest(time.Now()); wait*rounds > deadline {
			t.Errorf("deadline %s: it waits %s for its next round", deadline, wait)
		}
		if wait := lull(deadline); wait*rounds > deadline {
			t.Errorf("deadline %s: for %s no heartbeat brings a round", deadline, wait)
		}
	}
}

// The heartbeats of a while after a calm round are repeated; the next one comes with
// a round, as does each where nothing is calm.
func TestHeartbeatsOfACalmLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Agent{o: Options{Env: env.Real()}, born: time.Now(), wakeup: make(chan struct{}, 1), core: started(t, "c0", zone.Record{})}
		time.Sleep(time.Hour)
		in := aloneInputs()
		due := func(after time.Duration, want bool) {
			t.Helper()
			time.Sleep(after)
			if got := a.due(); got != want || len(a.wakeup) > 0 != want {
				t.Errorf("a round %t, the loop is woken up %t, want %t", got, len(a.wakeup) > 0, want)
			}
			for range len(a.wakeup) {
				<-a.wakeup
			}
		}
		a.calmDown(time.Now(), in)
		due(peer.DefaultInterval, false)
		due(peer.DefaultInterval, true)
		in.health.healthy = false
		a.calmDown(time.Now(), in)
		due(peer.DefaultInterval, true)
	})
}
