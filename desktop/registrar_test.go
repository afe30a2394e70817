package desktop_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/site"
	"understudy/wire"
)

func plain(*rig) {}

// after lets time pass on the bubble's clock, off the ticks.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// silent is a zone of which no connector answers.
func silent(seen) (int, any, string) { return 0, nil, "" }

// LHC-32: "VDAs contact a broker at least every 5 min, jittered": each heartbeat
// comes one interval after the last, ±10 %.
func TestHeartbeatJitter(t *testing.T) {
	bubble(t, 1, plain, func(r *rig) {
		t := r.t
		first := r.zone.take()
		if len(first) != 1 || first[0].method != http.MethodPost || first[0].path != "/vda/v1/registrations" {
			t.Fatalf("got %v, want one registration", first)
		}
		body := decode[wire.Registration](t, first[0])
		if body.Machine != "pool-01.example.test" || body.Zone != "Berlin" || body.Callback != "http://127.0.0.1:7485/m/pool-01.example.test" {
			t.Errorf("got registration %+v", body)
		}
		after(time.Hour)
		beats := r.zone.take()
		if len(beats) < 54 || len(beats) > 67 {
			t.Errorf("got %d heartbeats in an hour, want 60 or so", len(beats))
		}
		last, gaps := first[0].at, map[time.Duration]bool{}
		for _, b := range beats {
			gap := b.at - last
			if b.method != http.MethodPut || b.path != "/vda/v1/registrations/lease1" || gap < 54*time.Second || gap > 66*time.Second {
				t.Errorf("got %s after %v, want a heartbeat after 54 to 66 s", b, gap)
			}
			last, gaps[gap.Round(time.Second)] = b.at, true
		}
		if len(gaps) < 3 {
			t.Errorf("got gaps %v, want them to differ", gaps)
		}
	})
}

// Issue 2 item 4: "picks a connector in random order from its list (groups in
// order)".
func TestRandomOrderGroupsInOrder(t *testing.T) {
	firsts := map[string]int{}
	for seed := range byte(20) {
		bubble(t, seed, func(r *rig) { r.zone.answer = silent }, func(r *rig) {
			t := r.t
			var hosts []string
			for _, s := range r.zone.take() {
				hosts = append(hosts, s.host)
			}
			groupA, groupB := slices.Sorted(slices.Values(hosts[:3])), slices.Sorted(slices.Values(hosts[3:]))
			if !slices.Equal(groupA, []string{"a1", "a2", "a3"}) || !slices.Equal(groupB, []string{"b1", "b2"}) {
				t.Errorf("got %v, want all of group a, then all of group b", hosts)
			}
			firsts[hosts[0]]++
		})
	}
	if len(firsts) != 3 {
		t.Errorf("got first choices %v, want each of group a", firsts)
	}
}

// Design 6: "the agent goes to the elected one at once, one hop only".
func TestFollowsElectedOnce(t *testing.T) {
	t.Run("the elected one serves", func(t *testing.T) {
		bubble(t, 1, func(r *rig) {
			r.zone.answer = func(s seen) (int, any, string) {
				if s.host == "cc09" {
					return r.zone.serve(s)
				}
				return notElected(connector("cc09"))
			}
		}, func(r *rig) {
			t := r.t
			log := r.zone.take()
			if len(log) != 2 || log[1].host != "cc09" || log[1].at != log[0].at {
				t.Errorf("got %v, want one refusal and the elected one at once", lines(log))
			}
			after(70 * time.Second)
			if log = r.zone.take(); len(log) != 1 || log[0].host != "cc09" {
				t.Errorf("got %v, want the heartbeat to go to the elected one", lines(log))
			}
		})
	})
	t.Run("the elected one sends on", func(t *testing.T) {
		bubble(t, 1, func(r *rig) {
			r.zone.answer = func(s seen) (int, any, string) {
				if s.host == "cc09" {
					return notElected(connector("cc10"))
				}
				return notElected(connector("cc09"))
			}
		}, func(r *rig) {
			t := r.t
			log := r.zone.take()
			if len(log) != 6 || log[1].host != "cc09" || strings.Contains(strings.Join(lines(log), " "), "cc10") {
				t.Errorf("got %v, want every connector and one hop", lines(log))
			}
		})
	})
}

// Design 6: "Any 5xx or transport error: the VDA keeps its lease and tries the
// next connector".
func TestKeepsLeaseOnFailure(t *testing.T) {
	bubble(t, 2, plain, func(r *rig) {
		t := r.t
		present := r.zone.take()[0].host
		r.zone.set(func(s seen) (int, any, string) {
			switch s.host {
			case present:
				return 0, nil, ""
			case "b2":
				return r.zone.serve(s)
			}
			return 502, wire.NewProblem(502, wire.CodeInternal, ""), ""
		})
		after(70 * time.Second)
		log := r.zone.take()
		if len(log) < 2 || log[0].host != present || log[len(log)-1].host != "b2" {
			t.Fatalf("got %v, want the present connector first and b2 last", lines(log))
		}
		for _, s := range log {
			if s.method != http.MethodPut || s.path != "/vda/v1/registrations/lease1" {
				t.Errorf("got %s, want a heartbeat with the lease that it has", s)
			}
		}
		if got := r.prepare(t, "alice", "s1"); got != "201" {
			t.Errorf("prepare with the kept lease: got %s, want 201", got)
		}
	})
}

// Design 6: "lease_unknown: it registers again", and hands over its sessions
// (LHC-31).
func TestRegistersAgain(t *testing.T) {
	bubble(t, 3, plain, func(r *rig) {
		t := r.t
		if got := r.prepare(t, "alice", "s1"); got != "201" {
			t.Fatalf("prepare: got %s", got)
		}
		if got := r.call(t, http.MethodPost, "/sim/v1/sessions/s1/connect", nil); got != "204" {
			t.Fatalf("connect: got %s", got)
		}
		synctest.Wait()
		r.zone.take()
		r.zone.set(func(s seen) (int, any, string) {
			if strings.Contains(s.path, "lease1") {
				return 404, wire.NewProblem(404, wire.CodeLeaseUnknown, ""), ""
			}
			return r.zone.serve(s)
		})
		after(70 * time.Second)
		log := r.zone.take()
		if len(log) != 2 || log[0].method != http.MethodPut || log[1].path != "/vda/v1/registrations" || log[0].host != log[1].host {
			t.Fatalf("got %v, want a heartbeat and a registration with the same connector", lines(log))
		}
		body := decode[wire.Registration](t, log[1])
		if len(body.Sessions) != 1 || body.Sessions[0].ID != "s1" || body.Sessions[0].State != wire.Active || !body.Used {
			t.Errorf("got %+v, want alice's session handed over", body)
		}
		if got := r.prepare(t, "alice", "s1"); got != "403 lease_stale" {
			t.Errorf("prepare with the old lease: got %s, want 403 lease_stale", got)
		}
	})
}

// After a round without an answer it waits longer each time, up to 30 s ± 25 %, and
// honours Retry-After.
func TestBackoff(t *testing.T) {
	one := func(r *rig) { r.options.Connectors, r.zone.answer = [][]string{{connector("a1")}}, silent }
	bubble(t, 4, one, func(r *rig) {
		t := r.t
		after(5 * time.Minute)
		log := r.zone.take()
		want := time.Second
		for i := 1; i < len(log); i++ {
			gap := log[i].at - log[i-1].at
			if gap < want*3/4 || gap > want*5/4 {
				t.Errorf("pause %d: got %v, want %v ± 25 %%", i, gap, want)
			}
			want = min(2*want, 30*time.Second)
		}
		if len(log) < 12 {
			t.Errorf("got %d tries in 5 minutes, want at least 12", len(log))
		}
	})
	busy := func(r *rig) {
		one(r)
		r.zone.answer = func(seen) (int, any, string) {
			p := wire.NewProblem(503, wire.CodeStarting, "")
			p.RetryAfter = 20 * time.Second
			return 503, p, ""
		}
	}
	bubble(t, 4, busy, func(r *rig) {
		t := r.t
		after(50 * time.Second)
		if log := r.zone.take(); len(log) != 3 || log[1].at < 20*time.Second {
			t.Errorf("got %v, want a try every 20 s", log)
		}
	})
}

// The connectors of the lease answer are remembered, also through a restart, and
// tried after the configured ones.
func TestLearnsConnectors(t *testing.T) {
	bubble(t, 5, func(r *rig) {
		r.zone.answer = func(s seen) (int, any, string) {
			l := r.zone.lease()
			l.Connectors = []string{connector("c7")}
			return 201, l, ""
		}
	}, func(r *rig) {
		t := r.t
		r.stop()
		r.zone.take()
		r.zone.set(silent)
		r.start(t)
		synctest.Wait()
		log := r.zone.take()
		if len(log) != 6 || log[5].host != "c7" {
			t.Errorf("got %v, want the learned connector last", lines(log))
		}
		if body := decode[wire.Registration](t, log[0]); body.Term != 1 {
			t.Errorf("got term %d after the restart, want 1", body.Term)
		}
	})
}

// Reports are retried until a broker accepts them, across a restart, in order.
func TestReportsUntilAccepted(t *testing.T) {
	bubble(t, 6, plain, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		r.zone.take()
		r.zone.set(silent)
		r.call(t, http.MethodPost, "/sim/v1/sessions/s1/connect", nil)
		after(time.Second / 2)
		if got := r.call(t, http.MethodPost, "/sim/v1/sessions/s1/logoff", nil); got != "204" {
			t.Fatalf("logoff: got %s", got)
		}
		r.stop()
		r.zone.take()
		r.zone.set(r.zone.serve)
		r.start(t)
		synctest.Wait()
		log := r.zone.take()
		if len(log) != 2 || log[1].path != "/vda/v1/registrations/lease2/sessions" {
			t.Fatalf("got %v, want a registration and the report", lines(log))
		}
		report := decode[wire.SessionReport](t, log[1])
		if report.Event != wire.SessionEnded || report.Session.ID != "s1" || !report.Used || report.Seq == 0 {
			t.Errorf("got %+v, want the end of s1 on a used desktop", report)
		}
		after(20 * time.Second)
		if log := r.zone.take(); len(log) != 0 {
			t.Errorf("got %v, want no second report", lines(log))
		}
	})
}

// One report that a broker finds malformed does not hold up the next.
func TestRefusedReportIsDropped(t *testing.T) {
	bubble(t, 7, plain, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		r.zone.take()
		r.zone.set(func(s seen) (int, any, string) {
			if strings.HasSuffix(s.path, "/sessions") {
				return 400, wire.NewProblem(400, wire.CodeBadRequest, ""), ""
			}
			return r.zone.serve(s)
		})
		r.call(t, http.MethodPost, "/sim/v1/sessions/s1/connect", nil)
		after(time.Second)
		r.zone.take()
		r.zone.set(r.zone.serve)
		r.call(t, http.MethodPost, "/sim/v1/sessions/s1/disconnect", nil)
		after(time.Minute + 10*time.Second)
		if log := r.zone.take(); len(log) == 0 || !strings.HasSuffix(log[0].path, "/sessions") {
			t.Errorf("got %v, want the next report", lines(log))
		}
	})
}

// An orderly stop gives the lease back, in 2 s at most, and leaves sessions alone.
func TestOrderlyStop(t *testing.T) {
	bubble(t, 8, plain, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		r.call(t, http.MethodPost, "/sim/v1/sessions/s1/connect", nil)
		synctest.Wait()
		r.zone.take()
		r.stop()
		log := r.zone.take()
		if len(log) != 1 || log[0].method != http.MethodDelete || log[0].path != "/vda/v1/registrations/lease1" {
			t.Fatalf("got %v, want the lease given back and nothing else", lines(log))
		}
		r.start(t)
		synctest.Wait()
		if body := decode[wire.Registration](t, r.zone.take()[0]); len(body.Sessions) != 1 {
			t.Errorf("got sessions %+v, want alice's", body.Sessions)
		}
	})
}

// A reservation lives its life and is then withdrawn, which a broker hears of.
func TestReservationIsWithdrawn(t *testing.T) {
	bubble(t, 9, plain, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		after(29 * time.Second)
		if got := r.prepare(t, "bob", "s2"); got != "409 busy" {
			t.Errorf("within the reservation: got %s, want 409 busy", got)
		}
		r.zone.take()
		after(2 * time.Second)
		log := r.zone.take()
		if len(log) != 1 || decode[wire.SessionReport](t, log[0]).Event != wire.SessionEnded {
			t.Fatalf("got %v, want the report that the reservation ended", lines(log))
		}
		if got := r.prepare(t, "bob", "s2"); got != "201" {
			t.Errorf("after it: got %s, want 201", got)
		}
	})
}

// Design 6, reset: the agent clears the used mark at a new boot, and says so at once.
func TestReset(t *testing.T) {
	bubble(t, 10, plain, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		if got := r.call(t, http.MethodPost, "/sim/v1/sessions/s1/connect", nil); got != "204" {
			t.Fatalf("connect: got %s", got)
		}
		if got := r.reset(t); got != "409 busy" {
			t.Errorf("reset under a user: got %s, want 409 busy", got)
		}
		r.call(t, http.MethodPost, "/sim/v1/sessions/s1/logoff", nil)
		if got := r.prepare(t, "bob", "s2"); got != "409 used" {
			t.Errorf("used: got %s, want 409 used (LHC-34)", got)
		}
		if got := r.reset(t); got != "202" {
			t.Errorf("reset: got %s, want 202", got)
		}
		after(time.Second / 2)
		if got := r.prepare(t, "bob", "s2"); got != "409 busy" {
			t.Errorf("while it boots: got %s, want 409 busy", got)
		}
		r.zone.take()
		after(time.Second)
		log := r.zone.take()
		if len(log) != 1 || log[0].method != http.MethodPut || decode[wire.Heartbeat](t, log[0]).Used {
			t.Errorf("got %v, want a heartbeat of an unused desktop at once", lines(log))
		}
		if got := r.prepare(t, "bob", "s2"); got != "201" {
			t.Errorf("after it: got %s, want 201", got)
		}
	})
}

// A reset that is asked for twice, because an answer was lost or the host has
// registered again, happens once: a second boot would end the next user's session.
func TestResetAskedTwice(t *testing.T) {
	bubble(t, 10, plain, func(r *rig) {
		t := r.t
		if got := r.reset(t); got != "202" {
			t.Errorf("reset: got %s, want 202", got)
		}
		after(900 * time.Millisecond)
		if got := r.reset(t); got != "202" {
			t.Errorf("the same again: got %s, want 202", got)
		}
		after(200 * time.Millisecond)
		if got := r.prepare(t, "bob", "s2"); got != "201" {
			t.Errorf("after it: got %s, want 201", got)
		}
		r.call(t, http.MethodPost, "/sim/v1/sessions/s2/connect", nil)
		after(3 * time.Second)
		if got := r.call(t, http.MethodPost, "/sim/v1/sessions/s2/disconnect", nil); got != "204" {
			t.Errorf("bob's session: got %s, want it to be there still", got)
		}
	})
}

// A simulated user connects by themselves where that is asked for.
func TestSimulatedUserConnects(t *testing.T) {
	bubble(t, 11, func(r *rig) { r.options.Connect = 3 * time.Second }, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		r.zone.take()
		after(4 * time.Second)
		log := r.zone.take()
		if len(log) != 1 {
			t.Fatalf("got %v, want one report", lines(log))
		}
		report := decode[wire.SessionReport](t, log[0])
		if report.Event != wire.SessionStarted || report.Session.State != wire.Active || !report.Used {
			t.Errorf("got %+v, want s1 started", report)
		}
	})
}

// A lease answer that is none is no answer.
func TestNotALease(t *testing.T) {
	bubble(t, 12, func(r *rig) {
		r.zone.answer = func(seen) (int, any, string) { return 200, wire.Lease{Interval: site.Duration(time.Minute)}, "" }
	}, func(r *rig) {
		t := r.t
		if got := r.prepare(t, "alice", "s1"); got != "403 lease_stale" {
			t.Errorf("got %s, want 403 lease_stale without a lease", got)
		}
		after(10 * time.Second)
		if log := r.zone.take(); len(log) < 3 || log[1].path != "/vda/v1/registrations" {
			t.Errorf("got %v, want it to go on registering", lines(log))
		}
	})
}

// NEW-01: "so a new elected broker serves at once": a broker that had mirrored the
// lease goes on with it, and the host's log says so, once.
func TestTellsWhoGoesOnWithItsLease(t *testing.T) {
	var said bytes.Buffer
	bubble(t, 1, func(r *rig) { r.options.Logger.(*logrus.Logger).SetOutput(&said) }, func(r *rig) {
		r.zone.set(func(s seen) (int, any, string) {
			status, body, retry := r.zone.serve(s)
			if l, ok := body.(wire.Lease); ok {
				l.Broker, l.Term = "cc02.example.test", 2
				body = l
			}
			return status, body, retry
		})
		after(5 * time.Minute)
	})
	told := strings.Count(said.String(), "the lease goes on with another broker")
	if told != 1 || !strings.Contains(said.String(), "broker=cc02.example.test") {
		t.Errorf("it was told %d times, want once, with the new broker:\n%s", told, &said)
	}
}
