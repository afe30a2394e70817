package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/peer"
)

// stopLimit bounds each of the two parts of an orderly stop: the hand-over, and
// what is in flight.
const stopLimit = 5 * time.Second

// Run serves until ctx ends, then stops in order: the office is handed over, the
// listeners drain, and everything that was started has ended when it returns.
func (a *Agent) Run(ctx context.Context) error {
	defer func() { _ = a.close() }()
	background, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	defer stop(nil)
	var running sync.WaitGroup
	a.spawn = func(f func(context.Context)) { running.Go(func() { f(background) }) }
	failed := make(chan error, len(a.listeners)+1)
	a.log.raise(events.Started, "version "+a.o.Version, logrus.Fields{"boot": a.boot})
	a.tellExposed()
	for _, l := range a.listeners {
		running.Go(func() {
			if err := a.serveListener(l); err != nil {
				failed <- fmt.Errorf("serve %s: %w", l.name, err)
			}
		})
	}
	a.listening.Store(true)
	running.Go(func() { _ = a.mesh.Run(background) })
	running.Go(func() { _ = a.relay.Run(background) })
	running.Go(func() { a.watchDisk(background) })
	running.Go(func() { a.mirror.run(background) })
	running.Go(func() { a.directory.run(background) })
	running.Go(func() { a.inviter.run(background) })
	running.Go(func() { a.log.run(background, a.state) })
	running.Go(func() {
		if err := a.schedule(background); err != nil {
			failed <- err
		}
	})
	running.Go(func() { a.handback.run(background) })
	running.Go(func() { a.peaks.run(background) })
	if a.o.Trust.Watches() {
		running.Go(func() { a.o.Trust.Run(background, a.tellTrust) })
	}
	if a.room != nil {
		running.Go(func() { a.room.run(background) })
	}
	running.Go(func() { a.loop(background) })
	following, unfollow := context.WithCancel(background)
	defer unfollow()
	running.Go(func() { a.follower.run(following) })
	a.useList(*a.list.Load())

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.leave(background, unfollow)
	a.log.raise(events.Stopped, "stopped in an orderly way", logrus.Fields{})
	stop(errors.New("the connector is stopping"))
	<-a.looped
	a.closePeerListener()
	running.Wait()
	return err
}

// leave says that this connector stops, hands the office over where there is
// somebody to take it, lets the hooks know, and lets requests in flight finish, all
// within a bound.
func (a *Agent) leave(background context.Context, unfollow func()) {
	a.awaitHandover(background)
	unfollow()
	a.farewell(background)
	a.listening.Store(false)
	a.endFollows()
	ctx, cancel := context.WithTimeout(background, stopLimit)
	defer cancel()
	a.closeListeners(ctx)
}

// awaitHandover waits until the office is given up and a peer has said so, or
// nobody is there to take it.
func (a *Agent) awaitHandover(background context.Context) {
	ctx, cancel := context.WithTimeout(background, stopLimit)
	defer cancel()
	if err := a.do(ctx, func() { a.core.leaving = true }); err != nil {
		return
	}
	for {
		changed := a.rounds.next()
		s := a.stance.Load()
		carrier, present := a.carrier(s.record)
		if !present || s.record.Writer != a.o.FQDN || s.record.Successor != "" && carrier != "" {
			return
		}
		select {
		case <-changed:
		case <-a.looped:
			return
		case <-ctx.Done():
			return
		}
	}
}

// farewell lets every stream of facts carry once more that this connector leaves,
// so that no peer has to find out.
func (a *Agent) farewell(background context.Context) {
	select {
	case <-time.After(peer.DefaultInterval * 5 / 4): // off the beat of the loop
	case <-a.looped:
	case <-background.Done():
	}
}

// close undoes New in reverse order.
func (a *Agent) close() error {
	var errs []error
	a.endFollows()
	for _, l := range a.listeners {
		if err := l.net.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.cloud != nil {
		a.cloud.Close()
	}
	if a.beside != nil {
		a.beside.Close()
	}
	a.passages.close()
	if a.callbacks != nil {
		a.callbacks.CloseIdleConnections()
		a.calls.CloseIdleConnections()
	}
	if a.snapshots != nil {
		errs = append(errs, a.snapshots.Close())
	}
	if a.state != nil {
		errs = append(errs, a.state.Close())
	}
	if a.lock != nil {
		errs = append(errs, a.lock.Close())
	}
	return errors.Join(errs...)
}
