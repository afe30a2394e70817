package agent

import "time"

// choreEvery is how often each chore is done.
const choreEvery = time.Second

// chores is what is done about each second beside the loop. Each begins with a round
// of the loop, one after the other: a timer of its own would wake the process up once
// more, which costs an idle connector more than most chores do.
type chores struct {
	all []*rounds
	// What follows belongs to the loop.
	turn int
	at   time.Time
}

// add returns what a new chore waits for. It is called before the loop runs.
func (c *chores) add() func() <-chan struct{} {
	r := newRounds()
	c.all = append(c.all, r)
	return r.next
}

// begin lets the next chore begin, if it is time.
func (c *chores) begin(now time.Time) {
	if len(c.all) == 0 {
		return
	}
	step := choreEvery / time.Duration(len(c.all))
	if now.Sub(c.at) < step {
		return
	}
	c.at = latest(c.at.Add(step), now.Add(-step)) // a round that comes late delays no other
	c.all[c.turn].announce()
	c.turn = (c.turn + 1) % len(c.all)
}
