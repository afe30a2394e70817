// Command release is understudy as another release of it, for tests of zones in which
// versions differ: UNDERSTUDY_VERSION is the version that it says of itself, and
// UNDERSTUDY_PROTOCOL the version of the peer channel that it speaks.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"understudy/cmd/understudy/cli"
	"understudy/env"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	release := cli.Release{Env: env.Real(), Version: os.Getenv("UNDERSTUDY_VERSION"), Protocol: os.Getenv("UNDERSTUDY_PROTOCOL")}
	return cli.RunAs(ctx, release, os.Args[1:], os.Stdout, os.Stderr)
}
