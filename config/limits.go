package config

import "understudy/env"

// Limits bound what others can use up of a process.
type Limits struct {
	// Connections bounds those of one listener, ConnectionsPerSource those that one
	// address, or one IPv6 network of 64 bits, has to it.
	Connections          int `json:"connections"`
	ConnectionsPerSource int `json:"connections_per_source"`
}

// The fewest connections that a limit may leave: a StoreFront, a connector and an
// operator still get in.
const (
	minConnections = 64
	minOfSource    = 16
)

func (l *Limits) setDefaults() {
	setDefault(&l.Connections, env.MostConnections)
	setDefault(&l.ConnectionsPerSource, env.MostOfSource)
}

func (l *Limits) check(c *checker) {
	c.between("limits.connections", l.Connections, minConnections, env.MostConnections)
	c.between("limits.connections_per_source", l.ConnectionsPerSource, minOfSource, env.MostOfSource)
}

func (c *checker) between(path string, n, least, most int) {
	if n < least || n > most {
		c.fault(path, "%d is not within %d to %d", n, least, most)
	}
}
