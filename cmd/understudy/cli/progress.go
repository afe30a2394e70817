package cli

import (
	"fmt"
	"time"
)

// patience is how long a command works in silence, and the time between two lines
// of progress after that.
const patience = 2 * time.Second

// underWay does something that may take long, and says on the standard error that
// it is still at it. The standard output is for the result.
func (a *app) underWay(what string, do func() error) error {
	done := make(chan struct{})
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		a.tellWhile(what, done)
	}()
	err := do()
	close(done)
	<-quiet // nothing is said after the result
	return err
}

func (a *app) tellWhile(what string, done <-chan struct{}) {
	began := time.Now()
	tick := time.NewTicker(patience)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			fmt.Fprintf(a.stderr, "%s: %s so far\n", what, time.Since(began).Round(time.Second))
		}
	}
}
