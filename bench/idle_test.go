//go:build linux

package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"understudy/site"
)

// measureIdle weighs six connectors that have nothing to do, and, in the same
// seconds, six processes that send each other lines as often and do nothing else. That
// is done several times anew: which of them wake up together is chance.
func measureIdle(l *lab) {
	var mine, theirs []float64
	for range 3 {
		ofOurs, ofBare := l.idle(6, 20*time.Second)
		mine, theirs = append(mine, ofOurs...), append(theirs, ofBare...)
	}
	peer := fmt.Sprintf("bare Go processes that send such lines as often: %s %%; etcd 0.60 … 0.67 %%, memberlist at 100 ms 0.8 %% (not in this run)", short(median(theirs)))
	l.table.add(row{Name: "idle: processor time with five peers", Value: median(mine), Unit: "% of a core", Against: peer, Ratio: median(mine) / median(theirs)}, noMoreThan(0.6, "% of a core"))
}

// idle is what so many connectors, and as many bare processes, use in that time.
func (l *lab) idle(each int, long time.Duration) (ofOurs, ofBare []float64) {
	s := l.newStand(each, func(c ...site.Connector) *site.Site { return bigSite(100, c...) })
	ours := make([]*proc, each)
	for i, h := range s.zone {
		ours[i] = h.proc
	}
	bare := l.beats(each)
	defer func() {
		for _, p := range slices.Concat(ours, bare) {
			p.kill()
		}
	}()
	rest(3 * time.Second)
	return shares(ours, bare, long)
}

// beats starts processes that send lines to each other.
func (l *lab) beats(n int) []*proc {
	addresses := make([]string, n)
	for i := range addresses {
		addresses[i] = l.loopback() + ":7489"
	}
	procs := make([]*proc, n)
	for i, address := range addresses {
		peers := slices.Delete(slices.Clone(addresses), i, i+1)
		procs[i] = l.role("beats", append([]string{address}, peers...)...)
	}
	return procs
}

// shares are the parts of a core, in percent, that processes use meanwhile.
func shares(a, b []*proc, long time.Duration) (ofA, ofB []float64) {
	all := slices.Concat(a, b)
	before := make([]time.Duration, len(all))
	for i, p := range all {
		before[i] = p.ran()
	}
	began := time.Now()
	rest(long)
	passed := time.Since(began)
	used := make([]float64, len(all))
	for i, p := range all {
		used[i] = 100 * (p.ran() - before[i]).Seconds() / passed.Seconds()
	}
	return used[:len(a)], used[len(a):]
}

// ran is the processor time of a process to the nanosecond: that in its status is
// in hundredths of a second.
func (p *proc) ran() time.Duration {
	sum := 0
	for _, path := range need(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", p.cmd.Process.Pid))) {
		sum += need(strconv.Atoi(strings.Fields(string(need(os.ReadFile(path))))[0]))
	}
	return time.Duration(sum)
}

// rest lets time pass.
func rest(d time.Duration) { <-time.After(d) }
