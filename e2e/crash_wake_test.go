//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// asked is an answer of the woken connector.
type asked struct {
	status int
	term   uint64 // of a lease
	answer wire.LaunchAnswer
	user   string
	body   string
}

// TestWokenUnderLoad: LHC-25, one that was paused, and is asked for launches and
// registrations by many at the moment it wakes, answers none of them by its engine
// before it has heard its peers; no desktop has two users.
func TestWokenUnderLoad(t *testing.T) {
	t.Parallel()
	times, _ := kills(t, 1)
	c := ready(t)
	first, second := c.players[0], c.players[1]
	c.outage()
	for range max(times/20, 1) {
		first.process.Pause()
		c.holds(second)
		taken := map[site.FQDN]string{}
		for _, user := range []string{"bob", "carol", "dave"} {
			taken[c.served(act, user, "desktop:pool").Machine] = user
		}
		before, err := second.Status()
		must(t, err)
		answers := c.askWhilePaused(first)
		first.process.Resume()
		count := map[int]int{}
		for a := range answers {
			count[a.status]++
			if a.given() {
				a.judge(t, before.Term, taken)
			}
		}
		t.Logf("answers by status: %v", count)
		if count[http.StatusOK]+count[http.StatusCreated] == 0 {
			t.Error("the woken one has given nothing away, though it serves again")
		}
		if count[http.StatusServiceUnavailable] == 0 {
			t.Error("no request was refused, so none came early enough to tell anything")
		}
		c.holds(first)
	}
}

// judge holds what the woken one gave away to what may be: a lease only in a term
// above that of the one that served meanwhile, a desktop only to its user.
func (a asked) judge(t *testing.T, term uint64, taken map[site.FQDN]string) {
	t.Helper()
	if a.user == "" && a.term <= term {
		t.Errorf("got a lease of term %d from the woken one, want one above %d: %s", a.term, term, a.body)
	}
	if owner := taken[a.answer.Machine]; a.user != "" && owner != "" && owner != a.user {
		t.Errorf("%s got %s, which is %s's", a.user, a.answer.Machine, owner)
	}
}

// askWhilePaused sends launches and registrations that wait for the paused one, and
// each again until the connector gives something away, or for some seconds.
func (c *cast) askWhilePaused(p *player) <-chan asked {
	const clients = 12
	out := make(chan asked)
	var sent, all sync.WaitGroup
	for i := range clients {
		sent.Add(1)
		all.Go(func() {
			sent.Done()
			_ = await(5*time.Second, func() error {
				a := c.askDirectly(p, i)
				out <- a
				if !a.given() {
					return fmt.Errorf("status %d", a.status)
				}
				return nil
			})
		})
	}
	sent.Wait()
	pause(c.t.Context(), 100*time.Millisecond) // so that the first ones are in its queue
	go func() { all.Wait(); close(out) }()
	return out
}

func (a asked) given() bool { return a.status == http.StatusCreated || a.status == http.StatusOK }

func (c *cast) askDirectly(p *player, i int) asked {
	if i%2 == 0 {
		return c.post(p, wirePath{path: vdaPath}, wire.Registration{
			Machine: site.FQDN(fmt.Sprintf("ws%03d.example.test", 2+i/2%poolDesktops)), Zone: c.zone, AgentVersion: "e2e", Protocol: "rdp",
			Callback: "http://" + c.hostAt + fmt.Sprintf("/m/ws%03d.example.test", 2+i/2%poolDesktops), Capacity: 1, Sessions: []wire.Session{},
		})
	}
	users := []string{"alice", "bob", "carol", "dave"}
	user := users[i/2%len(users)]
	return c.post(p, wirePath{frontPath + "sessions", user}, wire.LaunchRequest{User: user, Resource: "desktop:pool"})
}

type wirePath struct{ path, user string }

func (c *cast) post(p *player, to wirePath, body any) asked {
	text, err := json.Marshal(body)
	if err != nil {
		return asked{body: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.t.Context()), act)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url(clientPort)+to.path, bytes.NewReader(text))
	if err != nil {
		return asked{body: err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", env.Token(env.Real().Rand("e2e")))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return asked{body: err.Error()}
	}
	defer resp.Body.Close()
	var raw json.RawMessage
	_ = json.NewDecoder(resp.Body).Decode(&raw)
	var lease wire.Lease
	a := asked{status: resp.StatusCode, user: to.user, body: string(raw)}
	_ = json.Unmarshal(raw, &lease)
	_ = json.Unmarshal(raw, &a.answer)
	a.term = lease.Term
	return a
}
