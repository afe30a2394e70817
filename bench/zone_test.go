//go:build linux

package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"understudy/site"
	"understudy/wire"
)

// nimble are the settings of takeovers: a deadline of 400 ms, and an office that
// goes back soon.
func nimble(c ...site.Connector) *site.Site {
	s := bigSite(1000, c...)
	s.Zones[0].Settings = site.Settings{
		Deadline: site.Duration(400 * time.Millisecond), JoinWait: site.Duration(800 * time.Millisecond), PreemptAfter: site.Duration(time.Second),
		HealthInterval: site.Duration(time.Second), Detection: site.Duration(3 * time.Second), InitialHA: site.Duration(10 * time.Minute),
	}
	return s
}

// measureTakeover kills, or holds, the elected connector and waits until the next
// accepts a registration.
func measureTakeover(l *lab) {
	s := l.newStand(3, nimble)
	s.force(s.zone[0])
	first, second := s.zone[0], s.zone[1]
	request := post("/vda/v1/registrations", registrations(1)[0])
	ready := func() {
		until("the first connector serves again", 30*time.Second, func() bool { return s.serves(first) })
		// Who has just lost the office first copies what the new one has.
		rest(500 * time.Millisecond)
		until("the others can take over", 10*time.Second, func() bool { return s.follows(second, first) && s.follows(s.zone[2], first) })
	}
	var killed, held []float64
	for range 2 * *options.rounds {
		ready()
		began := time.Now()
		must(first.cmd.Process.Kill())
		killed = append(killed, ms(accepting(clientAddress(second), request, 10*time.Second).Sub(began)))
		first.kill()
		s.begin(first)
	}
	for range *options.rounds {
		ready()
		began := time.Now()
		first.signal(syscall.SIGSTOP)
		held = append(held, ms(accepting(clientAddress(second), request, 10*time.Second).Sub(began)))
		first.signal(syscall.SIGCONT)
	}
	l.table.add(row{Name: "takeover: kill -9 of the elected → the next accepts a registration", Value: median(killed), Unit: "ms"}, noMoreThan(50, "ms"))
	l.table.add(row{Name: "takeover: the elected held by SIGSTOP, deadline 400 ms", Value: median(held), Unit: "ms"}, noMoreThan(450, "ms"))
	l.endAll()
	l.etcdTakeover(killed)
	l.memberlistTakeover(killed)
	l.keepalivedTakeover(killed)
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// measureStorm saturates both cores with registrations at the elected connector, which
// share them with the other two and the client, and counts who else took the office.
func measureStorm(l *lab) {
	s := l.newStand(3, nimble)
	s.force(s.zone[0])
	bodies := registrations(1000)
	requests := make([][]byte, 0, 100_000)
	for len(requests) < cap(requests) {
		requests = append(requests, posts("/vda/v1/registrations", bodies)...)
	}
	before, idle := s.number(s.zone[1]), busyNow()
	deadline := time.Now().Add(time.Minute)
	sent, refused, worst := 0, 0, time.Duration(0)
	for time.Now().Before(deadline) {
		o := storm{address: clientAddress(s.zone[0]), conns: 256, requests: requests, mayRefuse: true}.run()
		sent, refused = sent+len(requests), refused+o.refused
		worst = max(worst, o.p99)
	}
	share := busyNow().since(idle)
	takeovers := s.number(s.zone[1]) - before
	l.table.add(row{
		Name: "false takeovers in 60 s with both cores saturated, deadline 400 ms", Value: float64(takeovers), Unit: "takeovers",
		Against: fmt.Sprintf("all cores %.0f %% busy: %d registrations by 256 connections, %d refused, p99 %.0f ms", share, sent, refused, ms(worst)),
	}, noMoreThan(0, "takeovers"))
}

// number is that of the zone record at a connector: each takeover raises it.
func (s *stand) number(h *host) uint64 { return s.status(h).Number }

// follows reports whether a connector takes another for elected and could take over.
func (s *stand) follows(h, elected *host) bool {
	status := s.status(h)
	return status.Election.Elected == elected.name && status.Election.CanServe && !status.Starting
}

func (s *stand) status(h *host) wire.Status {
	out := need(exec.Command(s.l.bin, "status", "-o", "json", "--connector", "unix:"+s.dir+"/"+string(h.name)+".sock").Output())
	var status wire.Status
	must(json.Unmarshal(out, &status))
	return status
}

// measureMemory weighs registrations in the engine, and a whole connector.
func measureMemory(l *lab) {
	ip := l.loopback()
	p := l.role("broker", ip+":7480", l.folder(), fmt.Sprint(*options.machines))
	listens(ip+":7480", p)
	text := strings.Fields(string(need(os.ReadFile(p.log))))
	took := need(strconv.ParseFloat(text[2], 64)) * 100_000 / float64(*options.machines)
	l.table.add(row{Name: "memory: 100,000 registrations in the engine", Value: took, Unit: "MB", Against: "map of structs 34 MB, Redis 67 MB"}, noMoreThan(12, "MB"))
	p.kill()
	s := l.newStand(1, func(c ...site.Connector) *site.Site { return bigSite(*options.machines, c...) })
	h := s.zone[0]
	h.kill()
	h.proc = l.role("understudy", h.kind, "--config", h.file)
	until("the connector is ready", 30*time.Second, func() bool { return s.get(h, "/readyz") == http.StatusOK })
	s.force(h)
	storm{address: clientAddress(h), conns: callers, requests: posts("/vda/v1/registrations", registrations(*options.machines))}.run()
	h.signal(syscall.SIGUSR1)
	resident := memory(h.cmd.Process.Pid, "VmRSS")
	until("the memory is given back", 10*time.Second, func() bool {
		was := resident
		resident = memory(h.cmd.Process.Pid, "VmRSS")
		return resident < was
	})
	settled := time.NewTimer(2 * time.Second)
	<-settled.C
	l.table.add(row{Name: "memory: connector with the whole site, all registered", Value: memory(h.cmd.Process.Pid, "VmRSS"), Unit: "MB", Against: "after a collection, no connections"}, noMoreThan(150, "MB"))
}

// measureStart starts a connector over its data folder until it answers.
func measureStart(l *lab) {
	s := l.newStand(1, func(c ...site.Connector) *site.Site { return bigSite(*options.machines, c...) })
	h := s.zone[0]
	var took []float64
	for range *options.rounds {
		h.kill()
		began := time.Now()
		s.begin(h)
		until("the connector answers", 30*time.Second, func() bool { return s.get(h, "/storefront/v1/heartbeat") == http.StatusOK })
		took = append(took, time.Since(began).Seconds())
	}
	l.table.add(row{Name: "start: exec → serving, from the snapshot on disk", Value: median(took), Unit: "s", Against: "etcd with an empty store: 0.61 s (not in this run)"}, noMoreThan(0.45, "s"))
}
