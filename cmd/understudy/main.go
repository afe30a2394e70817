// Command understudy is the whole product in one binary: the services of a site
// and the commands of its operators.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"understudy/cmd/understudy/cli"
	"understudy/service"
)

func main() { os.Exit(run()) }

// run ends by itself, or in an orderly way at the first signal; a second one
// kills the process.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return service.Main(ctx, os.Stderr, func(ctx context.Context, stderr io.Writer) int {
		return cli.Run(ctx, os.Args[1:], os.Stdout, stderr)
	})
}
