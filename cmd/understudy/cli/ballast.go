package cli

import (
	"context"
	"runtime"

	"understudy/agent"
	"understudy/sizing"
)

// ballasted is a connector with its ballast (sizing.BallastMB).
type ballasted struct {
	*agent.Agent
	ballast []byte
}

func newBallasted(a *agent.Agent) ballasted { return ballasted{a, make([]byte, sizing.BallastMB<<20)} }

// Run runs the connector.
func (b ballasted) Run(ctx context.Context) error {
	defer runtime.KeepAlive(b.ballast)
	return b.Agent.Run(ctx)
}
