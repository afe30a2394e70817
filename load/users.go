package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"understudy/storefront/client"
	"understudy/wire"
)

// crowd are the users: they arrive at random moments, launch something, stay for a
// while and leave.
type crowd struct {
	o      Options
	front  *client.Client
	fleet  *fleet
	tally  *tally
	dice   *dice
	visits sync.WaitGroup

	mu   sync.Mutex // guards idle
	idle []string
}

func newCrowd(o Options, front *client.Client, f *fleet, t *tally) *crowd {
	return &crowd{o: o, front: front, fleet: f, tally: t, dice: newDice(o.Seed, 2), idle: append([]string(nil), o.Users...)}
}

// run lets users arrive until ctx ends and waits for those that are on their way.
func (c *crowd) run(ctx context.Context) {
	defer c.visits.Wait()
	if c.o.Rate == 0 {
		return
	}
	mean := time.Duration(float64(time.Second) / c.o.Rate)
	next := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if user, ok := c.take(); ok {
			c.visits.Go(func() { c.visit(ctx, user) })
		} else {
			c.tally.add(Arrive, 0, errNobodyIdle)
		}
		next = next.Add(c.dice.around(mean))
		timer.Reset(time.Until(next))
	}
}

// errNobodyIdle counts arrivals for which all users had sessions.
var errNobodyIdle = &wire.Problem{Code: "nobody_idle"}

func (c *crowd) take() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.idle) == 0 {
		return "", false
	}
	i := c.dice.below(len(c.idle))
	user := c.idle[i]
	c.idle[i] = c.idle[len(c.idle)-1]
	c.idle = c.idle[:len(c.idle)-1]
	return user, true
}

func (c *crowd) giveBack(user string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.idle = append(c.idle, user)
}

// visit is one user's day: list, launch, connect, stay, leave.
func (c *crowd) visit(ctx context.Context, user string) {
	defer c.giveBack(user)
	resource, err := c.choose(ctx, user)
	if err != nil {
		return
	}
	answer, err := timed(c.tally, Launch, func() (wire.LaunchAnswer, error) {
		return c.front.Launch(ctx, wire.LaunchRequest{User: user, Resource: resource, Client: wire.Client{Name: "load"}})
	})
	if err != nil {
		return
	}
	if _, err := timed(c.tally, Redeem, func() (wire.RedeemAnswer, error) {
		return c.front.Redeem(ctx, wire.RedeemRequest{Ticket: answer.Ticket})
	}); err != nil {
		return
	}
	c.use(ctx, answer)
}

// use connects to the desktop, stays and leaves.
func (c *crowd) use(ctx context.Context, at wire.LaunchAnswer) {
	m := c.fleet.machineOf(at.Machine)
	if m == nil || m.happened(at.Session, wire.SessionConnected) != nil {
		return
	}
	c.fleet.news(m)
	timer := time.NewTimer(c.dice.around(c.o.Think))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
	}
	event := wire.SessionEnded
	if c.dice.float() < c.o.Disconnects {
		event = wire.SessionDisconnected
	}
	if m.happened(at.Session, event) == nil {
		c.fleet.news(m)
	}
}

// choose lists what the user may launch and picks by the mix.
func (c *crowd) choose(ctx context.Context, user string) (string, error) {
	answer, err := timed(c.tally, Resources, func() (wire.ResourcesAnswer, error) {
		return c.front.Resources(ctx, wire.ResourcesRequest{User: user})
	})
	if err != nil {
		return "", err
	}
	picked := pick(answer.Resources, c.o.Mix, c.dice.float())
	if picked == "" {
		err = &wire.Problem{Code: "nothing_to_launch", Detail: fmt.Sprintf("%s may launch nothing of the mix", user)}
		c.tally.add(Arrive, 0, err)
	}
	return picked, err
}

// pick chooses one of the resources by their weights; at is between 0 and 1.
func pick(resources []wire.Resource, mix map[string]float64, at float64) string {
	weight := func(r wire.Resource) float64 {
		if len(mix) == 0 {
			return 1
		}
		return mix[r.ID]
	}
	total := 0.0
	for _, r := range resources {
		total += weight(r)
	}
	left, last := at*total, ""
	for _, r := range resources {
		if weight(r) <= 0 {
			continue
		}
		if left -= weight(r); left < 0 {
			return r.ID
		}
		last = r.ID
	}
	return last
}

// timed counts one request. What the end of the run cut short does not count.
func timed[T any](t *tally, kind Kind, ask func() (T, error)) (T, error) {
	began := time.Now()
	answer, err := ask()
	if !errors.Is(err, context.Canceled) {
		t.add(kind, time.Since(began), err)
	}
	return answer, err
}
