package broker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
)

// VPN-05: "One licence count is enforced over the whole cluster": the refusal names the
// limit, who has a session is reconnected, and one that ends makes room.
func TestSessionLimits(t *testing.T) {
	for _, c := range []struct {
		name, detail string
		set          func(*site.Site)
	}{
		{"site", "the site has 2 sessions and its max_sessions is 2", func(s *site.Site) { s.MaxSessions = 2 }},
		{"group", "group office has 2 sessions and its max_sessions is 2", func(s *site.Site) { s.Groups[2].MaxSessions = 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := company()
			c.set(s)
			b := inOutage(s)
			b.register(t, "ts1", "ts2", "p1")
			held, _ := b.launch(t, staff("alice", "desktop:office", "s1"))
			b.launch(t, staff("bob", "app:Writer", "s2"))
			_, err := b.Reserve(b.now, staff("carol", "desktop:office", "s3"))
			wantCode(t, err, broker.CodeSessionLimit)
			if !strings.Contains(err.Error(), c.detail) {
				t.Errorf("the refusal is %q, want %q", err, c.detail)
			}
			_, err = b.Probe(b.now, staff("carol", "desktop:office", "s3"))
			wantCode(t, err, broker.CodeSessionLimit)
			if again, err := b.Reserve(b.now, staff("bob", "app:Writer", "s4")); err != nil || again.Session != "s2" {
				t.Errorf("bob got %+v, %v; want his session", again, err)
			}
			if _, err := b.Reserve(b.now, staff("carol", "desktop:pool", "s5")); (err == nil) != (c.name == "group") {
				t.Errorf("a launch of another group: %v", err)
			}
			b.report(t, held, broker.SessionEnded)
			if _, err := b.Reserve(b.now, staff("carol", "desktop:office", "s3")); err != nil {
				t.Errorf("after a logoff: %v", err)
			}
		})
	}
}

// An application goes on with those of its groups that are below their limits.
func TestApplicationOnAFullGroup(t *testing.T) {
	s := company()
	s.Applications[0].Groups = []string{"office", "pool"}
	s.Groups[2].MaxSessions = 1
	b := inOutage(s)
	b.register(t, "ts1", "p1")
	b.launch(t, staff("alice", "desktop:office", "s1"))
	if held, _ := b.launch(t, staff("bob", "app:Writer", "s2")); held.Machine != "p1" {
		t.Errorf("got %s, want a machine of the other group", held.Machine)
	}
}

// VPN-05: the daily peak is recorded, by UTC day.
func TestPeaks(t *testing.T) {
	b := inOutage(company())
	b.register(t, "ts1", "p1")
	b.Peaks("2026-01-01")
	held, _ := b.launch(t, staff("alice", "desktop:office", "s1"))
	b.launch(t, staff("bob", "desktop:pool", "s2"))
	b.report(t, held, broker.SessionEnded)
	first := []broker.Peak{{"2026-01-01", "", 2}, {"2026-01-01", "office", 1}, {"2026-01-01", "pool", 1}}
	if got := b.Peaks("2026-01-01"); !slices.Equal(got, first) {
		t.Errorf("peaks %+v, want %+v", got, first)
	}
	second := []broker.Peak{{"2026-01-02", "", 1}, {"2026-01-02", "pool", 1}}
	if got := b.Peaks("2026-01-02"); !slices.Equal(got, append(first, second...)) {
		t.Errorf("peaks at midnight %+v, want both days", got)
	}
	if got := b.Peaks("2026-01-02"); !slices.Equal(got, second) {
		t.Errorf("peaks %+v, want %+v", got, second)
	}
}

// VPN-05: whatever happens, there are never more sessions than the limits say, but for
// those that hosts bring along.
func TestLimitsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := farm(site.LeastLoad, 100, 100)
		s.MaxSessions, s.Groups[0].MaxSessions = rapid.IntRange(0, 6).Draw(t, "site"), rapid.IntRange(0, 6).Draw(t, "group")
		limit := 1 << 30
		for _, n := range []int{s.MaxSessions, s.Groups[0].MaxSessions} {
			if n > 0 {
				limit = min(limit, n)
			}
		}
		b := inOutage(s)
		b.announce(t, b.registration("h1"))
		b.announce(t, b.registration("h2"))
		var open []broker.Reservation
		t.Repeat(map[string]func(*rapid.T){
			"launch": func(t *rapid.T) {
				b.seq++
				held, err := b.Reserve(b.now, staff(fmt.Sprintf("u%d", b.seq), "desktop:farm", fmt.Sprintf("s%d", b.seq)))
				if (err == nil) != (len(open) < limit) {
					t.Fatalf("%d sessions of %d, and a launch gives %v", len(open), limit, err)
				}
				if err == nil {
					b.Commit(b.now, held)
					open = append(open, held)
				}
			},
			"start": func(t *rapid.T) {
				if len(open) > 0 {
					b.report(t, rapid.SampledFrom(open).Draw(t, "session"), broker.SessionStarted)
				}
			},
			"end": func(t *rapid.T) {
				if len(open) > 0 {
					b.report(t, open[0], broker.SessionEnded)
					open = open[1:]
				}
			},
		})
	})
}
