package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"understudy/broker"
	"understudy/callin"
	"understudy/site"
	"understudy/wire"
)

// party is an inviter whose desktops and whose office are a script.
type party struct {
	*inviter
	mu      sync.Mutex // guards what follows
	office  callTarget
	news    chan struct{}
	invited map[site.FQDN][]time.Duration
	began   time.Time
	answer  func(d callin.Desktop) (int, error)
	stop    func()
}

func newParty(t *testing.T, desktops int) *party {
	t.Helper()
	p := &party{invited: map[site.FQDN][]time.Duration{}, news: make(chan struct{}), began: time.Now()}
	p.answer = func(callin.Desktop) (int, error) { return http.StatusAccepted, nil }
	a := muted(Options{})
	known := callin.NewDirectory(maxDesktops)
	for i := range desktops {
		known.Learn(site.FQDN(fmt.Sprintf("d%d", i)), "http://d", uint64(i+1), 3)
	}
	p.inviter = &inviter{
		known: known, gate: func(ctx context.Context) error { return ctx.Err() }, rand: rand.NewChaCha8([32]byte{1}), log: a.log, self: "cc1",
		ours: func(list []callin.Desktop) []callin.Desktop { return list },
		target: func() callTarget {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.office
		},
		changed: func() <-chan struct{} {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.news
		},
		invite: func(_ context.Context, d callin.Desktop, _ json.RawMessage) (int, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.invited[d.Machine] = append(p.invited[d.Machine], time.Since(p.began))
			return p.answer(d)
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); p.run(ctx) }()
	p.stop = func() { cancel(); <-ended }
	return p
}

// takes is a change of who serves.
func (p *party) takes(office callTarget) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.office = office
	close(p.news)
	p.news = make(chan struct{})
}

func (p *party) calls() (desktops, calls int, last time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.invited {
		calls += len(at)
		last = max(last, at[len(at)-1])
	}
	return len(p.invited), calls, last
}

func outageOf(machines ...site.FQDN) *serving {
	s := &site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}},
		Groups: []site.DeliveryGroup{{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm"}},
	}
	for _, m := range machines {
		s.Machines = append(s.Machines, site.Machine{Name: m, Group: "farm", Zone: "east", Capacity: 9, Weight: 100})
	}
	engine := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, site.NewIndex(s))
	return &serving{outage: "o1", engine: engine}
}

func (s *serving) hosts(t *testing.T, machines ...site.FQDN) {
	t.Helper()
	for _, m := range machines {
		if _, _, err := s.engine.Register(time.Now(), "lease of "+string(m), broker.Registration{Machine: m, Zone: "east", Callback: "http://d", Capacity: 9}); err != nil {
			t.Fatal(err)
		}
	}
}

// NEW-02, LHC-32: "On entering HA mode the elected broker invites them, paced and
// jittered": each once, no faster than the rate, not all in step.
func TestInvitesAtThePace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 3000)
		defer p.stop()
		p.takes(callTarget{term: 4, serving: outageOf(), rate: 1000})
		time.Sleep(time.Minute)
		desktops, calls, last := p.calls()
		if desktops != 3000 || calls != 3000 || last < 2800*time.Millisecond || last > 3200*time.Millisecond {
			t.Errorf("%d desktops were invited by %d calls within %s, want each once within 3 s", desktops, calls, last)
		}
		if s := p.now(true); s.Running || s.Known != 3000 || s.Due != 3000 || s.Invited != 3000 || s.Answered != 3000 || s.To != "cc1" {
			t.Errorf("got status %+v", s)
		}
	})
}

// NEW-02: who is registered already is not invited, whether it came by itself or its
// lease was mirrored; nor who was seen under as high a term.
func TestInvitesOnlyWhoIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 4)
		defer p.stop()
		s := outageOf("d0", "d1", "d2", "d3")
		s.hosts(t, "d0", "d1")
		p.known.Learn("d2", "http://d", 99, 4)
		p.takes(callTarget{term: 4, serving: s, rate: 1000})
		time.Sleep(time.Minute)
		if desktops, _, _ := p.calls(); desktops != 1 || len(p.invited["d3"]) != 1 {
			t.Errorf("invited %v, want d3 alone", p.invited)
		}
	})
}

// NEW-02: invitations stop when the office is lost, at once.
func TestInvitationsStopWithTheOffice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 3000)
		defer p.stop()
		p.takes(callTarget{term: 4, serving: outageOf(), rate: 1000})
		time.Sleep(time.Second)
		p.takes(callTarget{})
		_, before, _ := p.calls()
		time.Sleep(time.Minute)
		if _, after, _ := p.calls(); after > before || before < 800 || before > 1200 {
			t.Errorf("%d were invited before the office was lost, %d after", before, after-before)
		}
		if s := p.now(true); s.Running {
			t.Errorf("got status %+v", s)
		}
	})
}

// NEW-02: a connector whose election lapses for a moment goes on inviting when it
// serves again, in the same office.
func TestInvitationsGoOnAfterALapse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 1000)
		defer p.stop()
		office := callTarget{term: 4, serving: outageOf(), rate: 1000}
		p.takes(office)
		time.Sleep(300 * time.Millisecond)
		p.mu.Lock()
		p.office = callTarget{} // nothing was decided: the time was over
		p.mu.Unlock()
		time.Sleep(50 * time.Millisecond)
		p.takes(office)
		time.Sleep(time.Minute)
		if desktops, _, _ := p.calls(); desktops != 1000 {
			t.Errorf("%d of 1000 were invited; %+v", desktops, p.now(true))
		}
	})
}

// NEW-02: those that are under way when the office is lost are given up too.
func TestInvitationsUnderWayAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 10)
		defer p.stop()
		p.invite = func(ctx context.Context, _ callin.Desktop, _ json.RawMessage) (int, error) {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		p.takes(callTarget{term: 4, serving: outageOf(), rate: 1000})
		time.Sleep(time.Second)
		p.takes(callTarget{})
		synctest.Wait()
		if s := p.now(true); s.Running || s.Invited != 10 {
			t.Errorf("got status %+v", s)
		}
	})
}

// NEW-02: a host that is not reached is tried once more, and counted once; the rest is
// for its heartbeat. One that refuses is not asked again.
func TestUnreachableOnceMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 10)
		defer p.stop()
		p.answer = func(d callin.Desktop) (int, error) {
			switch d.Machine {
			case "d1":
				return 0, errors.New("no route to host")
			case "d2":
				return http.StatusConflict, nil
			}
			return http.StatusAccepted, nil
		}
		p.takes(callTarget{term: 4, serving: outageOf(), rate: 1000})
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(p.invited["d1"]) != 2 || len(p.invited["d2"]) != 1 || len(p.invited["d3"]) != 1 {
			t.Errorf("invited %v", p.invited)
		}
		if s := p.now(true); s.Unreachable != 1 || s.Refused != 1 || s.Answered != 8 || s.Invited != s.Due {
			t.Errorf("got status %+v", s)
		}
	})
}

// NEW-02: hosts that are switched off, one in five, do not hold up the others: 5000 are
// called in within twice the time that the pace takes.
func TestSomeUnreachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 5000)
		defer p.stop()
		reached := time.Duration(0)
		p.invite = func(ctx context.Context, d callin.Desktop, _ json.RawMessage) (int, error) {
			if d.Lease%5 == 0 {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			time.Sleep(20 * time.Millisecond)
			p.mu.Lock()
			defer p.mu.Unlock()
			reached = max(reached, time.Since(p.began))
			return http.StatusAccepted, nil
		}
		p.takes(callTarget{term: 4, serving: outageOf(), rate: 1000})
		time.Sleep(3 * time.Minute)
		if s := p.now(true); s.Answered != 4000 || s.Unreachable != 1000 || reached > 10*time.Second {
			t.Errorf("the last was reached after %s; %+v", reached, s)
		}
	})
}

// NEW-02: who has too much to do is not asked more and more: the fewer answers come in
// time, the fewer are asked for at once.
func TestFewerAtOnceWhereNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 3000)
		defer p.stop()
		inFlight, most, ill := 0, 0, true
		p.invite = func(ctx context.Context, _ callin.Desktop, _ json.RawMessage) (int, error) {
			p.mu.Lock()
			inFlight++
			most = max(most, inFlight)
			ill := ill
			p.mu.Unlock()
			defer func() { p.mu.Lock(); inFlight--; p.mu.Unlock() }()
			if ill {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			time.Sleep(500 * time.Millisecond)
			return http.StatusAccepted, nil
		}
		p.takes(callTarget{term: 4, serving: outageOf(), rate: 2000})
		time.Sleep(20 * time.Second)
		p.mu.Lock()
		if most != flightFirst || inFlight != flightLeast {
			t.Errorf("at first %d at once, then %d, want %d and %d", most, inFlight, flightFirst, flightLeast)
		}
		ill = false
		p.mu.Unlock()
		time.Sleep(5 * time.Second)
		p.mu.Lock()
		if most < 2*flightFirst || most > flightMost {
			t.Errorf("when they answer again %d are asked at once", most)
		}
		p.mu.Unlock()
		time.Sleep(time.Minute)
		if s := p.now(true); s.Running || s.Answered < 2900 {
			t.Errorf("got %+v", s)
		}
	})
}

// NEW-02: "on return to Normal the VDAs are invited to re-register with the cloud, at
// a pace the cloud broker asks for (Retry-After honoured)": also those that came to
// know the zone in the outage only.
func TestInvitesBackToTheCloud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 1000)
		defer p.stop()
		s := outageOf("new")
		p.takes(callTarget{term: 4, serving: s, rate: 1000})
		time.Sleep(10 * time.Second)
		p.known.Serve("new", "http://new", 4)
		p.mu.Lock()
		clear(p.invited)
		p.began = time.Now()
		taken := 0
		p.answer = func(d callin.Desktop) (int, error) {
			if taken++; taken%100 == 0 {
				p.hold(5 * time.Second)
			}
			return http.StatusAccepted, nil
		}
		p.mu.Unlock()
		p.takes(callTarget{term: 5, rate: 1000})
		time.Sleep(time.Second)
		if got := p.now(true); got.Held < site.Duration(3*time.Second) || got.To != wire.CallInToCloud || got.Invited > 105 {
			t.Errorf("got status %+v while the cloud broker is to be left alone", got)
		}
		time.Sleep(2 * time.Minute)
		desktops, _, last := p.calls()
		if desktops != 1001 || len(p.invited["new"]) != 1 || last < 49*time.Second || last > 52*time.Second {
			t.Errorf("%d desktops were invited within %s, want 1001 within 50 s and a little", desktops, last)
		}
	})
}

// NEW-02: who has registered with the cloud broker meanwhile is not invited to it.
func TestNaturalHeartbeatsGoOnBesideIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, 2000)
		defer p.stop()
		p.takes(callTarget{term: 5, rate: 1000})
		time.Sleep(500 * time.Millisecond)
		for i := range 2000 {
			p.known.Renew(uint64(i+1), 5)
		}
		time.Sleep(time.Minute)
		if s := p.now(true); s.Invited > 600 || s.There+s.Invited != 2000 {
			t.Errorf("got status %+v", s)
		}
	})
}
