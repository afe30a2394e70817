// Command clock is understudy on a host whose wall clock is wrong, for tests: by as
// much as the file that UNDERSTUDY_CLOCK names says, such as -24h. The clock that
// durations are measured with is right.
package main

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"understudy/cmd/understudy/cli"
	"understudy/env"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	world := env.Real()
	world.Now = wrong(os.Getenv("UNDERSTUDY_CLOCK"))
	return cli.RunIn(ctx, world, os.Args[1:], os.Stdout, os.Stderr)
}

// wrong is a clock whose times carry no monotonic reading, as they would after a
// restart: a duration that is reckoned from them is wrong as well.
func wrong(file string) func() time.Time {
	return func() time.Time { return time.Now().Round(0).Add(offset(file)) }
}

func offset(file string) time.Duration {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	by, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		panic(err) // the test is wrong
	}
	return by
}
