package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"understudy/service"
	"understudy/wire"
)

// reloadAt has a process read its certificates, keys and tokens again at each hangup, or
// when the service manager says so; the process itself tells how that went.
func reloadAt(ctx context.Context, hangups <-chan os.Signal, s runner, manager *service.Manager) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		case <-service.Reloads():
		}
		manager.While(func() { _ = s.Reload(ctx) })
	}
}

// onHangup catches SIGHUP, which would end the process.
func onHangup() (hangups chan os.Signal, stop func()) {
	hangups = make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	return hangups, func() { signal.Stop(hangups) }
}

func newReloadCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "reload", Short: "Have a connector read its certificates, keys and tokens again",
		Long: "Has the connector read the files of its certificates, keys, users and tokens again, at once; by itself it does so\n" +
			"within half a minute of a change. No connection is dropped. Other settings need a restart. To a desktop agent\n" +
			"or a cloud broker, send SIGHUP.",
		Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
			defer cancel()
			answer, err := c.Reload(ctx, wire.ReloadOrder{By: operator()})
			if err != nil {
				return err
			}
			err = show(a, answer, renderReload)
			if len(answer.Unreadable) > 0 {
				err = errors.Join(err, fmt.Errorf("%s; what was read before stays in use", strings.Join(answer.Unreadable, "; ")))
			}
			return err
		},
	}
}

func renderReload(s *screen, answer wire.ReloadAnswer) {
	for _, changed := range answer.Changed {
		s.line("In use now: " + changed + ".")
	}
	if len(answer.Changed) == 0 {
		s.line("Nothing has changed.")
	}
}
