package agent

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// everyStance calls f with every combination of what a stance is made of. Only
// the holder of the office in HA mode has a secondary broker.
func everyStance(f func(s stance, now time.Time)) {
	flags := []bool{false, true}
	for _, state := range zone.States() {
		for _, starting := range flags {
			for _, closing := range flags {
				for _, serving := range flags {
					for _, elected := range []site.FQDN{"", "c0", "c1"} {
						for _, age := range []time.Duration{0, time.Second, time.Second + 1} {
							f(oneStance(state, starting, closing, serving && state.HA(), elected), simNow.Add(age))
						}
					}
				}
			}
		}
	}
}

func oneStance(state zone.State, starting, closing, served bool, elected site.FQDN) stance {
	s := stance{
		state: state, starting: starting, closing: closing, self: "c0", elected: elected, outage: "x",
		until: simNow.Add(time.Second),
	}
	if elected != "" {
		s.electedURL = "https://" + string(elected)
	}
	if served {
		s.serving = &serving{}
	}
	return s
}

// answer is a verdict in words.
func answer(v verdict) string {
	switch {
	case v.refuse != nil:
		return v.refuse.Code
	case v.engine != nil:
		return "engine"
	}
	return v.relay.String()
}

// wantAnswer is the table of design 8 for requests, row by row.
func wantAnswer(s stance, stale bool) string {
	switch {
	case s.starting:
		return wire.CodeStarting
	case s.state == zone.Normal:
		return "10s"
	case s.state == zone.PendingHA:
		return "2s"
	case s.closing:
		return wire.CodeHandover
	case s.serving == nil && s.elected == s.self:
		return wire.CodeStarting
	case s.serving == nil:
		return wire.CodeNotElected
	case stale:
		return wire.CodeStarting
	}
	return "engine"
}

// Design 8, LHC-04, LHC-22: who answers, by state, for every combination.
func TestJudge(t *testing.T) {
	everyStance(func(s stance, now time.Time) {
		v := s.judge(now)
		stale := now.After(s.until)
		name := fmt.Sprintf("%s starting=%t closing=%t serving=%t elected=%q stale=%t", s.state, s.starting, s.closing, s.serving != nil, s.elected, stale)
		if got, want := answer(v), wantAnswer(s, stale); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if set := count(v.relay > 0, v.engine != nil, v.refuse != nil); set != 1 {
			t.Errorf("%s: got %d answers, want exactly one", name, set)
		}
		if v.engine != nil && v.engine != s.serving {
			t.Errorf("%s: got another secondary broker", name)
		}
		if v.refuse != nil {
			checkRefusal(t, name, s, v.refuse)
		}
	})
}

func count(flags ...bool) int {
	n := 0
	for _, set := range flags {
		if set {
			n++
		}
	}
	return n
}

// checkRefusal: a rejection is at application level, says when to try again, and
// not_elected names the elected one (LHC-22).
func checkRefusal(t *testing.T, name string, s stance, p *wire.Problem) {
	t.Helper()
	if p.Status != http.StatusServiceUnavailable || p.RetryAfter != time.Second || p.Detail == "" {
		t.Errorf("%s: got %d, Retry-After %s, %q; want 503 after 1s with a reason", name, p.Status, p.RetryAfter, p.Detail)
	}
	elected, url := site.FQDN(""), ""
	if p.Code == wire.CodeNotElected {
		elected, url = s.elected, s.electedURL
	}
	if p.Elected != elected || p.ElectedURL != url {
		t.Errorf("%s: %s names %q at %q, want %q at %q", name, p.Code, p.Elected, p.ElectedURL, elected, url)
	}
}

// LHC-04, LHC-22: the heartbeat is answered by the connector itself in every
// state; 503 keeps StoreFronts away from who would refuse them.
func TestHeartbeat(t *testing.T) {
	for _, healthy := range []site.FQDN{"", "c2"} {
		everyStance(func(s stance, now time.Time) {
			s.healthy = healthy
			name := fmt.Sprintf("%s starting=%t closing=%t serving=%t elected=%q healthy=%q", s.state, s.starting, s.closing, s.serving != nil, s.elected, healthy)
			h, refuse := s.heartbeat(now, "farm", "zone")
			got := ""
			if refuse != nil {
				got = refuse.Code
			}
			stale := now.After(s.until)
			if want := wantHeartbeat(s, stale); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
			serving := s.state.HA() && s.serving != nil && !s.closing && !s.starting && !stale
			want := wire.FrontHeartbeat{
				Farm: "farm", Zone: "zone", Connector: "c0", State: s.state, Outage: "x", Serving: serving, Elected: s.elected, ElectedURL: s.electedURL,
			}
			if h != want {
				t.Errorf("%s: got %+v, want %+v", name, h, want)
			}
		})
	}
}

func wantHeartbeat(s stance, stale bool) string {
	switch {
	case s.starting, s.state.HA():
		if want := wantAnswer(s, stale); want != "engine" {
			return want
		}
	case s.state == zone.PendingHA && s.healthy != "":
		return wire.CodeCloudUnreachable
	}
	return ""
}

// Design 8: in PendingHA the refusal names a peer that is healthy.
func TestUnreachableNamesAHealthyPeer(t *testing.T) {
	s := oneStance(zone.PendingHA, false, false, false, "c1")
	s.healthy, s.healthyURL = "c2", "https://c2"
	p := s.unreachable("no answer")
	if p.Code != wire.CodeCloudUnreachable || p.Elected != "c2" || p.ElectedURL != "https://c2" || p.Detail != "no answer" {
		t.Errorf("got %+v, want cloud_unreachable naming c2", p)
	}
}

// LHC-25: who wakes from a pause serves nobody before its loop has looked around, and
// says so, whatever its view was before.
func TestStatusAfterAPause(t *testing.T) {
	for until, want := range map[time.Duration]bool{time.Hour: true, -time.Second: false} {
		a := &Agent{}
		a.view.Store(&operatorView{status: wire.Status{Election: wire.ElectionStatus{Serving: true}}})
		s := oneStance(zone.ExtendedHA, false, false, true, "c0")
		s.until = time.Now().Add(until)
		a.stance.Store(&s)
		if got := a.Status().Election.Serving; got != want {
			t.Errorf("the election is good for %s: serving %t, want %t", until, got, want)
		}
	}
}
