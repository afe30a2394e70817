package cli

import (
	"context"
	"runtime"

	"understudy/agent"
)

// ballast is memory that a connector counts as in use beside what it has, in bytes.
// Nobody touches it, so the host does not give it; but the collector, which runs when
// what is in use has doubled, runs more seldom: with a site of a few thousand machines,
// a fourth as often. Garbage may take as much more.
const ballast = 24 << 20

// ballasted is a connector with its ballast.
type ballasted struct {
	*agent.Agent
	ballast []byte
}

func newBallasted(a *agent.Agent) ballasted { return ballasted{a, make([]byte, ballast)} }

// Run runs the connector.
func (b ballasted) Run(ctx context.Context) error {
	defer runtime.KeepAlive(b.ballast)
	return b.Agent.Run(ctx)
}
