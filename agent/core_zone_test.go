package agent

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// schedules is how many random schedules each size of zone runs under each policy.
var schedules = flag.Int("schedules", 100, "random schedules for each size of zone and policy")

// Whatever happens to connectors and links, the zone keeps its rules in every
// round (simNode), and comes back when the faults end.
func TestZoneSchedules(t *testing.T) {
	count := *schedules
	if testing.Short() {
		count /= 10
	}
	for n := 2; n <= 4; n++ {
		for name, set := range variants() {
			t.Run(fmt.Sprintf("%d connectors, %s", n, name), func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(count) {
					schedule(t, n, seed, set)
				}
			})
		}
	}
}

// variants are the settings under which schedules run.
func variants() map[string]func(*simZone) {
	stay := false
	return map[string]func(*simZone){
		"available":  func(*simZone) {},
		"no preempt": func(z *simZone) { z.settings.Preempt = &stay },
		"standby":    func(z *simZone) { z.standbys = z.list[:1] },
		"majority":   func(z *simZone) { z.settings.Policy = site.Majority },
		"majority, standby": func(z *simZone) {
			z.settings.Policy, z.standbys = site.Majority, z.list[:1]
		},
		"majority, promotions": func(z *simZone) {
			z.settings.Policy, z.promotions = site.Majority, true
		},
		"majority, deadlines that differ": func(z *simZone) {
			z.settings.Policy, z.imports = site.Majority, true
		},
	}
}

func schedule(t *testing.T, n int, seed uint64, set func(*simZone)) {
	t.Helper()
	z := newSim(t, n, seed)
	set(z)
	z.note("%d connectors, seed %d", n, seed)
	z.chaos(time.Duration(5+z.rand.IntN(10)) * time.Second)
	z.freeze()
	z.run(quiet(z))
	for range 20 {
		z.step()
		z.oneOfficeEach()
		z.noMinority()
	}
	z.mend()
	z.cloud(false)
	z.until("one serves while no connector reaches the cloud broker (LHC-12, LHC-21)", 20*time.Second, z.onlyServer)
	z.soon("the server's term is the highest that desktops have seen", 3*time.Second, func() bool { return z.highestTerm() })
	z.until("still one serves", 5*time.Second, z.onlyServer)
	z.cloud(true)
	z.unpin()
	z.until("everybody is Normal while everybody reaches the cloud broker (LHC-15)", 25*time.Second, func() bool {
		return z.all(zone.Normal) && len(z.offices()) == 1
	})
}

// quiet is how long a zone may take to settle after the last fault.
func quiet(z *simZone) time.Duration {
	return z.settings.Deadline.D() + z.settings.JoinWait.D() + 2*simDelay*simStep
}

// chaos makes faults at random.
func (z *simZone) chaos(d time.Duration) {
	for end := z.now.Add(d); z.now.Before(end); {
		if z.rand.IntN(6) == 0 {
			z.fault()
		}
		z.step()
	}
}

func (z *simZone) fault() {
	i, j := z.rand.IntN(len(z.nodes)), z.rand.IntN(len(z.nodes))
	n := z.nodes[i]
	if z.imports && z.rand.IntN(4) == 0 {
		s := z.settings
		s.Deadline = site.Duration(time.Duration(5+z.rand.IntN(20)) * simStep)
		s.JoinWait = s.Deadline
		n.settings = &s
		z.note("%s imports a deadline of %s", n.name, s.Deadline.D())
		return
	}
	switch z.rand.IntN(18) {
	case 0:
		z.note("%s crashes", n.name)
		z.crash(i)
	case 1, 2:
		if n.core == nil {
			z.start(i)
		}
	case 3:
		z.pause(i, time.Duration(1+z.rand.IntN(25))*simStep)
		z.note("%s pauses until %s", n.name, n.paused.Format("04:05.0"))
	case 4:
		z.note("cut %d to %d", i, j)
		z.cutOneWay(i, j)
	case 5:
		z.note("cut %d and %d", i, j)
		z.cutBoth(i, j)
	case 6:
		z.note("split %d %d", i, j)
		z.split(i, j)
	case 7:
		z.note("heal")
		z.heal()
	case 8:
		z.cloud(z.rand.IntN(3) == 0)
	case 9:
		z.cloud(z.rand.IntN(2) == 0, i)
	case 10:
		n.canServe = !n.canServe
	case 11:
		n.order = &wire.OutageOrder{Action: []string{"force", "clear"}[z.rand.IntN(2)], By: "op"}
	case 12:
		n.dieIn = 1 + z.rand.IntN(4)
	case 13:
		n.busy = !n.busy
	case 14:
		if n.core != nil {
			n.core.leaving = true
		}
	case 15:
		n.broken = !n.broken
	case 16:
		if n.core != nil {
			n.core.draining = !n.core.draining
			z.note("%s draining %t", n.name, n.core.draining)
		}
	case 17:
		if z.promotions && n.core != nil && !n.core.starting && n.core.election.Elected == "" {
			z.note("%s is promoted", n.name)
			n.promote = &wire.ElectionOrder{Action: wire.Promote, By: "op"}
		}
	}
}

// freeze ends the faults but leaves the links as they are, cut both ways or not
// at all.
func (z *simZone) freeze() {
	z.note("freeze")
	for link := range z.cut {
		z.cutBoth(link[0], link[1])
	}
	for i, n := range z.nodes {
		n.promote, n.settings = nil, nil
		n.dieIn, n.order, n.busy, n.broken, n.paused = 0, nil, false, false, time.Time{}
		if n.core != nil && n.core.leaving {
			z.crash(i)
		}
		if n.core == nil && z.rand.IntN(2) == 0 {
			z.start(i)
		}
	}
}

// mend repairs everything.
func (z *simZone) mend() {
	z.note("mend")
	z.heal()
	for i, n := range z.nodes {
		n.canServe = true
		if n.core == nil {
			z.start(i)
		}
	}
}

func (z *simZone) onlyServer() bool {
	return len(z.serving()) == 1 && len(z.offices()) == 1 && z.all(zone.InitialHA, zone.ExtendedHA, zone.PendingRecovery)
}

func (z *simZone) highestTerm() bool {
	for _, n := range z.nodes {
		if n.serves() {
			return n.core.record.Term >= z.desktop
		}
	}
	return false
}

// unpin clears a force like an operator, on whoever is elected.
func (z *simZone) unpin() {
	z.soon("an operator clears a force", 5*time.Second, func() bool {
		for _, n := range z.nodes {
			if n.core != nil && n.core.office {
				n.order = &wire.OutageOrder{Action: "clear", By: "op"}
			}
		}
		forced := z.who(func(n *simNode) bool { return n.core != nil && n.core.record.Forced() })
		return z.agree() && len(forced) == 0
	})
}

// agree reports whether everybody who runs has the same record.
func (z *simZone) agree() bool {
	var first *core
	for _, n := range z.nodes {
		switch {
		case n.core == nil:
		case first == nil:
			first = n.core
		case zone.Compare(n.core.record, first.record) != 0:
			return false
		}
	}
	return first != nil
}

// oneOfficeEach: in each part of the zone at most one believes in its office. Two
// links are as far as the election sees (*running*, design 4): of a part where
// some are farther apart nothing is said here.
func (z *simZone) oneOfficeEach() {
	z.t.Helper()
	for _, part := range z.parts() {
		if !z.close(part) {
			continue
		}
		var holders []site.FQDN
		for _, i := range part {
			if n := z.nodes[i]; n.core != nil && n.core.office {
				holders = append(holders, n.name)
			}
		}
		if len(holders) > 1 {
			z.fail("the part %v is quiet, and has the offices %v\n%s", part, holders, z.describe())
		}
	}
}

// parts are the groups of running connectors that hear each other over any number
// of links.
func (z *simZone) parts() [][]int {
	var out [][]int
	done := map[int]bool{}
	for i := range z.nodes {
		if !done[i] && z.nodes[i].core != nil {
			out = append(out, z.reach(i, done))
		}
	}
	return out
}

func (z *simZone) reach(i int, done map[int]bool) []int {
	done[i] = true
	part := []int{i}
	for j, n := range z.nodes {
		if !done[j] && n.core != nil && !z.cut[[2]int{i, j}] {
			part = append(part, z.reach(j, done)...)
		}
	}
	return part
}

// close reports whether any two of the part hear each other or have somebody whom
// both hear.
func (z *simZone) close(part []int) bool {
	for _, a := range part {
		for _, b := range part {
			if !slices.ContainsFunc(part, func(via int) bool { return !z.cut[[2]int{a, via}] && !z.cut[[2]int{via, b}] }) {
				return false
			}
		}
	}
	return true
}

// noMinority: under majority a part of the zone without more than half of the
// active connectors serves nobody (RAS-02).
func (z *simZone) noMinority() {
	z.t.Helper()
	if z.settings.Policy != site.Majority {
		return
	}
	actives := len(z.list) - len(z.standbys)
	for _, part := range z.parts() {
		voters := 0
		for _, i := range part {
			if !slices.Contains(z.standbys, z.nodes[i].name) {
				voters++
			}
		}
		for _, i := range part {
			if n := z.nodes[i]; voters <= actives/2 && n.serves() && !n.core.promoted() {
				z.fail("the part %v is a minority of %d, and %s serves\n%s", part, actives, n.name, z.describe())
			}
		}
	}
}
