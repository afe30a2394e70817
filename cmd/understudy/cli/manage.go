package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/service"
)

func newManageCommand(a *app) *cobra.Command {
	return group("service", "Install and rule over the services of this host, on Windows",
		newInstallCommand(a),
		newManagedCommand(a, "uninstall", "Stop the service and remove it; its folder stays", service.Host.Uninstall),
		newManagedCommand(a, "start", "Start the service, and wait until it serves", quietly(service.Host.Start)),
		newManagedCommand(a, "stop", "Stop the service in an orderly way, with a hand-over of the office", quietly(service.Host.Stop)),
		newServiceStatusCommand(a),
	)
}

func newInstallCommand(a *app) *cobra.Command {
	plan := service.Plan{}
	cmd := newManagedCommand(a, "install", "Install the service of a connector or a desktop agent",
		func(host service.Host, ctx context.Context, r service.Role) ([]string, error) {
			ready, err := planned(r, plan)
			if err != nil {
				return nil, err
			}
			return host.Install(ctx, ready)
		})
	cmd.Long = "Installs this binary as a service that starts with the host and again after failures, with its source\n" +
		"in the event log. The configuration is read first: one with faults is not installed."
	cmd.Flags().StringVar(&plan.Config, "config", "", "the configuration file (else connector.yaml or desktop.yaml in "+service.DefaultFolder()+")")
	cmd.Flags().BoolVar(&plan.Firewall, "firewall", false, "let others reach it through the firewall of this host")
	return cmd
}

// planned fills in a plan, once the configuration is known to be good.
func planned(r service.Role, p service.Plan) (service.Plan, error) {
	p.Role = r
	var err error
	if p.Config, err = filepath.Abs(cmp.Or(p.Config, filepath.Join(service.DefaultFolder(), string(r)+".yaml"))); err != nil {
		return p, err
	}
	if r == service.Desktop {
		_, err = loaded(config.LoadDesktop, p.Config)
	} else {
		_, err = loaded(config.LoadConnector, p.Config)
	}
	if err != nil {
		return p, err
	}
	p.Program, err = os.Executable()
	return p, err
}

// managed is something that a host does with a service; it returns what to tell of it.
type managed func(host service.Host, ctx context.Context, r service.Role) ([]string, error)

func quietly(do func(service.Host, context.Context, service.Role) error) managed {
	return func(host service.Host, ctx context.Context, r service.Role) ([]string, error) {
		return nil, do(host, ctx, r)
	}
}

func newManagedCommand(a *app, verb, short string, do managed) *cobra.Command {
	return &cobra.Command{
		Use: verb + " [connector|desktop]", Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, role, err := serviceOf(args)
			if err != nil {
				return err
			}
			notes, err := do(host, cmd.Context(), role)
			for _, note := range notes {
				fmt.Fprintln(a.stderr, note)
			}
			if err == nil {
				fmt.Fprintf(a.stdout, "%s: %s done\n", role.Name(), verb)
			}
			return err
		},
	}
}

// serviceOf is the service that the words name, on the host that it is on.
func serviceOf(args []string) (service.Host, service.Role, error) {
	role, err := service.ParseRole(firstOf(args))
	if err != nil {
		return nil, "", &usageError{err}
	}
	host, err := service.ThisHost()
	if errors.Is(err, service.ErrNotHere) {
		return nil, "", &usageError{err}
	}
	return host, role, err
}

func firstOf(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func newServiceStatusCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "status [connector|desktop]", Short: "Show how the service is", Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			host, role, err := serviceOf(args)
			if err != nil {
				return err
			}
			state, err := host.Query(role)
			if err != nil {
				return err
			}
			return show(a, state, renderService)
		},
	}
}

func renderService(s *screen, state service.State) {
	r := newRows()
	r.add("Service", s.bold(state.Name))
	r.add("State", state.State)
	r.add("Process", state.Process)
	r.add("Exit code", state.ExitCode)
	r.add("Starts", state.StartType)
	r.add("Account", state.Account)
	r.add("Command", state.Command)
	s.line(r.writer.Render())
}
