package world

import (
	"understudy/env"
)

// Place is where one process runs, from its start to its end: it gives the process
// its world, and can take it away.
type Place interface {
	// Env is what the process takes from the world.
	Env() env.Env
	// Sever is what a power failure looks like, from outside and on the disk: every
	// connection is reset, every new one refused, and nothing is written any more.
	Sever()
}

// loopback is a place behind a link of its own.
type loopback struct {
	*link
	env env.Env
}

func newLoopback(e env.Env) loopback {
	l := newLink()
	return loopback{l, l.over(e)}
}

// Env is the world through the link.
func (l loopback) Env() env.Env { return l.env }

// Sever cuts the link for good.
func (l loopback) Sever() { l.sever() }
