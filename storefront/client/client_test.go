package client_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/storefront/client"
	"understudy/wire"
)

func newClient(t testing.TB, f *farm, change func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{Env: env.Real(), Key: "secret", Transport: f, Connectors: []string{"http://cc1", "http://cc2/", "http://cc3"}}
	if change != nil {
		change(&o)
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func notElected(elected string) *wire.Problem {
	p := wire.NewProblem(503, wire.CodeNotElected, "")
	p.ElectedURL = elected
	return p
}

var bob = wire.LaunchRequest{User: "bob", Resource: "desktop:pool"}

func wantLog(t testing.TB, f *farm, want ...string) {
	t.Helper()
	if got := f.taken(); !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// LHC-06: "StoreFront sends every configured connector a heartbeat, every 60 s by
// default; only connectors that answer are used for enumeration and launch."
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.set("cc2 heartbeat", 503, notElected("http://cc1"))
		c := newClient(t, f, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- c.Run(ctx) }()
		for range 3 {
			synctest.Wait()
			f.mu.Lock()
			got := len(f.log)
			f.log = nil
			f.mu.Unlock()
			if got != 3 {
				t.Errorf("%d heartbeats, want one to each of 3", got)
			}
			time.Sleep(60 * time.Second)
		}
		state := c.Heartbeats()
		if !state[0].Good || state[0].Heartbeat.Zone != "east" || state[1].Good || state[2].Good || state[2].Reason == "" {
			t.Errorf("state %+v", state)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOnlyConnectorsThatAnswerAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc2", "east")
		f.set("cc1 resources", 200, wire.ResourcesAnswer{})
		f.set("cc2 resources", 200, wire.ResourcesAnswer{})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		if _, err := c.Resources(t.Context(), wire.ResourcesRequest{User: "bob"}); err != nil {
			t.Fatal(err)
		}
		wantLog(t, f, "cc2 resources")
	})
}

func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		if _, err := newClient(t, f, nil).Resources(t.Context(), wire.ResourcesRequest{User: "bob"}); !errors.Is(err, client.ErrNoConnector) {
			t.Errorf("error %v, want ErrNoConnector", err)
		}
	})
}

// While no connector can be used, requests ask all of them again, together and no more
// often than once a second: one that was starting at the latest heartbeat is found.
func TestAllThatFailedAreAskedAgain(t *testing.T) {
	for _, starts := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			c := newClient(t, f, nil)
			c.Beat(t.Context())
			time.Sleep(200 * time.Millisecond)
			asked := 3 + 3
			if starts {
				f.good("cc2", "east")
				f.set("cc2 resources", 200, wire.ResourcesAnswer{})
				asked += 10
			}
			began := time.Now()
			var group sync.WaitGroup
			for range 10 {
				group.Go(func() {
					_, err := c.Resources(t.Context(), wire.ResourcesRequest{User: "bob"})
					if starts != (err == nil) || err != nil && !errors.Is(err, client.ErrNoConnector) {
						t.Errorf("starts %v: got %v", starts, err)
					}
				})
			}
			group.Wait()
			if took := time.Since(began); took != 800*time.Millisecond {
				t.Errorf("starts %v: took %s, want what was left of a second since the latest heartbeats", starts, took)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.log) != asked {
				t.Errorf("starts %v: asked %d times, want %d: %q", starts, len(f.log), asked, f.log)
			}
		})
	}
}

// A connector that fails is by-passed until its next good heartbeat, or for the
// configured time.
func TestBypass(t *testing.T) {
	for _, c := range []struct {
		name   string
		bypass time.Duration
		after  time.Duration
		beat   bool
		want   string
	}{
		{"at once", 0, 0, false, "cc2 resources"},
		{"until the next good heartbeat", 0, time.Second, true, "cc1 resources"},
		{"no heartbeat, no end", 0, time.Hour, false, "cc2 resources"},
		{"before its time", time.Minute, time.Minute - 1, true, "cc2 resources"},
		{"after its time", time.Minute, time.Minute, false, "cc1 resources"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm()
				f.good("cc1", "east")
				f.good("cc2", "east")
				f.set("cc1 resources", 502, "<html>")
				f.set("cc2 resources", 200, wire.ResourcesAnswer{})
				k := newClient(t, f, func(o *client.Options) { o.Bypass = c.bypass })
				ask := func() {
					if _, err := k.Resources(t.Context(), wire.ResourcesRequest{User: "bob"}); err != nil {
						t.Fatal(err)
					}
				}
				k.Beat(t.Context())
				ask()
				wantLog(t, f, "cc1 resources", "cc2 resources")
				f.set("cc1 resources", 200, wire.ResourcesAnswer{})
				time.Sleep(c.after)
				if c.beat {
					k.Beat(t.Context())
				}
				f.taken()
				ask()
				wantLog(t, f, c.want)
			})
		})
	}
}

func TestLaunchFollowsTheElectedOneOnce(t *testing.T) {
	for _, code := range []string{wire.CodeNotElected, wire.CodeCloudUnreachable} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			f.good("cc1", "east")
			named := notElected("http://cc3")
			named.Code = code
			f.set("cc1 sessions", 503, named)
			f.set("cc3 sessions", 201, wire.LaunchAnswer{Session: "s"})
			c := newClient(t, f, nil)
			c.Beat(t.Context())
			got, err := c.Launch(t.Context(), bob)
			if err != nil || got.Session != "s" {
				t.Fatalf("%s: got %+v, %v", code, got, err)
			}
			wantLog(t, f, "cc1 sessions", "cc3 sessions")
			if n := len(f.keys); f.keys[n-1] == "" || f.keys[n-1] != f.keys[n-2] {
				t.Errorf("idempotency keys %q and %q, want one and the same", f.keys[n-2], f.keys[n-1])
			}
		})
	}
}

// Two connectors that name each other do not send the client in circles.
func TestOneHopOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.set("cc1 sessions", 503, notElected("http://cc3"))
		f.set("cc3 sessions", 503, notElected("http://cc1"))
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		_, err := c.Launch(t.Context(), bob)
		if !wire.IsCode(err, wire.CodeNotElected) {
			t.Errorf("error %v", err)
		}
		wantLog(t, f, "cc1 sessions", "cc3 sessions", "cc1 sessions", "cc3 sessions")
	})
}

// The elected one was lost since the last heartbeats: the client asks everybody
// again and finds the next.
func TestNewlyElectedIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.set("cc2 heartbeat", 503, notElected("http://cc1"))
		f.set("cc2 sessions", 201, wire.LaunchAnswer{Session: "s"})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		time.Sleep(10 * time.Second)
		f.good("cc2", "east")
		f.setFunc("cc1 heartbeat", nil) // refuses connections
		if got, err := c.Launch(t.Context(), bob); err != nil || got.Session != "s" {
			t.Fatalf("got %+v, %v", got, err)
		}
		wantLog(t, f, "cc1 sessions", "cc2 sessions")
	})
}

func TestHandoverIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		p := wire.NewProblem(503, wire.CodeHandover, "")
		p.RetryAfter = time.Second
		began := time.Now()
		f.setFunc("cc1 sessions", func(*http.Request) (int, any) {
			if time.Since(began) < time.Second {
				return 503, p
			}
			return 201, wire.LaunchAnswer{Session: "s"}
		})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		if _, err := c.Launch(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("took %s, want the second that Retry-After asks for", took)
		}
	})
}

// LHC-41: "enumeration carries the resource → zones mapping, so that a launch goes
// to a connector of the right zone."
func TestLaunchGoesToTheRightZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.good("cc2", "west")
		f.set("cc1 resources", 200, wire.ResourcesAnswer{Resources: []wire.Resource{{ID: bob.Resource, Zones: []string{"west"}}}})
		f.set("cc2 sessions", 201, wire.LaunchAnswer{Session: "s"})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		if _, err := c.Resources(t.Context(), wire.ResourcesRequest{User: "bob"}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Launch(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		wantLog(t, f, "cc1 resources", "cc2 sessions")
	})
}

// LHC-40: "StoreFront may send any request to any zone's connector": what both zones
// have is launched at the first connector that is usable, of whichever zone.
func TestSameResourcesAreLaunchedAnywhere(t *testing.T) {
	for _, lost := range []string{"", "cc1"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			f.good("cc1", "east")
			f.good("cc2", "west")
			for _, c := range []string{"cc1", "cc2"} {
				f.set(c+" resources", 200, wire.ResourcesAnswer{Resources: []wire.Resource{{ID: bob.Resource, Zones: []string{"east", "west"}}}})
				f.set(c+" sessions", 201, wire.LaunchAnswer{Session: c})
			}
			want := "cc1"
			if lost != "" {
				f.setFunc(lost+" heartbeat", nil)
				want = "cc2"
			}
			c := newClient(t, f, nil)
			c.Beat(t.Context())
			if _, err := c.Resources(t.Context(), wire.ResourcesRequest{User: "bob"}); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Launch(t.Context(), bob); err != nil || got.Session != want {
				t.Errorf("without %q: launched at %q (%v), want %s", lost, got.Session, err, want)
			}
			wantLog(t, f, want+" resources", want+" sessions")
		})
	}
}

func TestLaunchWithoutEnumerationLearnsTheZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.good("cc2", "west")
		wrong := wire.NewProblem(409, wire.CodeWrongZone, "")
		wrong.Zones = []string{"west"}
		f.set("cc1 sessions", 409, wrong)
		f.set("cc2 sessions", 201, wire.LaunchAnswer{Session: "s"})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		if _, err := c.Launch(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		wantLog(t, f, "cc1 sessions", "cc2 sessions")
	})
}

// LHC-41: what enumeration said of the zones is not the last word: a user's own
// desktop is in one of them, and the site may have changed since.
func TestWrongZoneIsFollowedAfterEnumeration(t *testing.T) {
	for name, known := range map[string][]string{"own desktop": {"east", "west"}, "moved": {"east"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm()
				f.good("cc1", "east")
				f.good("cc2", "west")
				f.set("cc1 resources", 200, wire.ResourcesAnswer{Resources: []wire.Resource{{ID: bob.Resource, Zones: known}}})
				wrong := wire.NewProblem(409, wire.CodeWrongZone, "")
				wrong.Zones = []string{"west"}
				f.set("cc1 sessions", 409, wrong)
				f.set("cc2 sessions", 201, wire.LaunchAnswer{Session: "s"})
				c := newClient(t, f, nil)
				c.Beat(t.Context())
				if _, err := c.Resources(t.Context(), wire.ResourcesRequest{User: "bob"}); err != nil {
					t.Fatal(err)
				}
				if _, err := c.Launch(t.Context(), bob); err != nil {
					t.Fatal(err)
				}
				wantLog(t, f, "cc1 resources", "cc1 sessions", "cc2 sessions")
			})
		})
	}
}

// LHC-41: at the beginning of an outage a client asks who is not elected; the
// elected one of that zone knows the right zone.
func TestElectedOneNamesTheRightZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.good("cc2", "east")
		f.good("cc3", "west")
		wrong := wire.NewProblem(409, wire.CodeWrongZone, "")
		wrong.Zones = []string{"west"}
		f.set("cc1 sessions", 503, notElected("http://cc2"))
		f.set("cc2 sessions", 409, wrong)
		f.set("cc3 sessions", 201, wire.LaunchAnswer{Session: "s"})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		if _, err := c.Launch(t.Context(), bob); err != nil {
			t.Error(err)
		}
		wantLog(t, f, "cc1 sessions", "cc2 sessions", "cc3 sessions")
	})
}

func TestRefusalIsFinal(t *testing.T) {
	for status, code := range map[int]string{403: wire.CodeNotEntitled, 404: wire.CodeUnknownResource, 401: wire.CodeUnauthorized} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			f.good("cc1", "east")
			f.good("cc2", "east")
			f.set("cc1 sessions", status, wire.NewProblem(status, code, ""))
			c := newClient(t, f, nil)
			c.Beat(t.Context())
			if _, err := c.Launch(t.Context(), bob); !wire.IsCode(err, code) {
				t.Errorf("error %v, want %s", err, code)
			}
			wantLog(t, f, "cc1 sessions")
			if c.Heartbeats()[0].Bypassed {
				t.Error("a connector that refused is by-passed")
			}
		})
	}
}

// LHC-30: when a zone is split, one half may have the cloud broker and the other one the
// desktops. No broker is asked twice, and no other zone: its answer is its own.
func TestEitherHalfMayHaveTheDesktops(t *testing.T) {
	for _, found := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			none := wire.NewProblem(503, wire.CodeNoMachine, "")
			for _, c := range []string{"cc1", "cc2", "cc3", "cc4"} {
				f.good(c, "east")
				f.set(c+" sessions", 503, none)
			}
			f.good("cc4", "west")
			f.set("cc2 sessions", 503, notElected("http://cc1"))
			if found {
				f.set("cc3 sessions", 201, wire.LaunchAnswer{Session: "s"})
			}
			c := newClient(t, f, func(o *client.Options) { o.Connectors = append(o.Connectors, "http://cc4") })
			c.Beat(t.Context())
			got, err := c.Launch(t.Context(), bob)
			if found && (err != nil || got.Session != "s") || !found && !wire.IsCode(err, wire.CodeNoMachine) {
				t.Errorf("got %+v, %v", got, err)
			}
			wantLog(t, f, "cc1 sessions", "cc2 sessions", "cc3 sessions")
		})
	}
}

// NEW-04: "Journal full …: launches are refused with a clear error", at once: nobody
// else of the zone can launch while that broker serves it, nor can it in a moment. While
// the zone is split, the broker of the other half may have room.
func TestFullJournalIsNotWaitedFor(t *testing.T) {
	for _, split := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			for _, c := range []string{"cc1", "cc2", "cc3"} {
				f.good(c, "east")
				f.set(c+" sessions", 503, notElected("http://cc1"))
			}
			full := wire.NewProblem(503, wire.CodeJournalFull, "")
			full.RetryAfter = 30 * time.Second
			f.set("cc1 sessions", 503, full)
			if split {
				f.set("cc3 sessions", 201, wire.LaunchAnswer{Session: "s"})
			}
			c := newClient(t, f, nil)
			c.Beat(t.Context())
			began := time.Now()
			got, err := c.Launch(t.Context(), bob)
			p, _ := errors.AsType[*wire.Problem](err)
			if split && (err != nil || got.Session != "s") || !split && (p == nil || p.Code != wire.CodeJournalFull || p.RetryAfter != full.RetryAfter) {
				t.Errorf("split %t: got %+v, %v", split, got, err)
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("split %t: took %s, want no wait", split, took)
			}
			wantLog(t, f, "cc1 sessions", "cc2 sessions", "cc3 sessions")
		})
	}
}

func TestTicketOfAnotherZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.good("cc2", "west")
		f.set("cc1 tickets/redeem", 404, wire.NewProblem(404, wire.CodeTicketUnknown, ""))
		f.set("cc2 tickets/redeem", 200, wire.RedeemAnswer{Session: "s"})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		if got, err := c.Redeem(t.Context(), wire.RedeemRequest{Ticket: "t"}); err != nil || got.Session != "s" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// A connector that hangs costs 30 s, then the next one is asked.
func TestAnswerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.good("cc1", "east")
		f.good("cc2", "east")
		f.setFunc("cc1 sessions", func(r *http.Request) (int, any) { <-r.Context().Done(); return 0, nil })
		f.set("cc2 sessions", 201, wire.LaunchAnswer{})
		c := newClient(t, f, nil)
		c.Beat(t.Context())
		began := time.Now()
		if _, err := c.Launch(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("took %s, want 30s", took)
		}
	})
}

// Issue 2 item 5, "6 s/30 s time-outs": a host that takes no connection costs 6 s,
// then the next one is asked.
func TestConnectTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := env.Real()
		e.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		c := newClient(t, newFarm(), func(o *client.Options) { o.Env, o.Transport = e, nil })
		began := time.Now()
		c.Beat(t.Context())
		if took := time.Since(began); took != 6*time.Second {
			t.Errorf("took %s, want 6s for all at once", took)
		}
		for _, b := range c.Heartbeats() {
			if b.Good || b.Reason == "" {
				t.Errorf("got %+v, want it to be by-passed with a reason", b)
			}
		}
	})
}

func TestOptionsNameWhatIsWrong(t *testing.T) {
	for name, o := range map[string]client.Options{
		"Env":        {Connectors: []string{"http://cc1"}},
		"Connectors": {Env: env.Real()},
		"not a url":  {Env: env.Real(), Connectors: []string{"::"}},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
