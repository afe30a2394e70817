// Package cli holds the commands of understudy, one a file, and nothing that a
// service does: it reads flags, asks, prints, and says how it ended by an exit
// code. main calls Run; so do tests.
package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/console/client"
	"understudy/env"
)

// app is what all commands share: where they write, and the global flags.
type app struct {
	env     env.Env
	release Release
	getenv  func(string) string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer

	connector string
	tokenFile string
	output    string
	timeout   time.Duration
	// began says that the command line was understood and the command began.
	began bool
}

// Run carries out one command line and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return RunIn(ctx, env.Real(), args, stdout, stderr)
}

// RunIn is Run in a world that the caller hands in.
func RunIn(ctx context.Context, world env.Env, args []string, stdout, stderr io.Writer) int {
	return RunAs(ctx, Release{Env: world, Version: Version()}, args, stdout, stderr)
}

// Release is what differs between builds of this program that tests put into one zone.
type Release struct {
	Env     env.Env
	Version string
	// Protocol is the version of the peer channel; empty means the present one.
	Protocol string
}

// RunAs is Run as another release of the program.
func RunAs(ctx context.Context, r Release, args []string, stdout, stderr io.Writer) int {
	a := &app{env: r.Env, release: r, getenv: os.Getenv, stdin: os.Stdin, stdout: stdout, stderr: stderr}
	return a.run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := newRootCommand(a)
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.began {
		err = &usageError{mistyped(err)}
	}
	code := exitCode(ctx, err)
	if code != exitOK {
		fmt.Fprintln(a.stderr, "understudy: "+strings.TrimPrefix(explain(err), "understudy "))
	}
	return code
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "understudy",
		Short: "Brokers desktops while the cloud cannot be reached",
		Long: "An understudy learns the lead's part and plays it when the lead cannot: a connector learns\n" +
			"the site from the cloud broker and brokers its desktops while the cloud cannot be reached.",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knows,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "table" && a.output != "json" {
				return fmt.Errorf("-o %s: the forms are table and json", a.output)
			}
			a.began = true
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.connector, "connector", "", "the connector to ask: URL or unix:PATH (else UNDERSTUDY_CONNECTOR, else "+client.DefaultAddress+")")
	flags.StringVar(&a.tokenFile, "token-file", "", "file with the token: that of your account, or admin.token in the connector's data folder (else UNDERSTUDY_TOKEN_FILE)")
	flags.StringVarP(&a.output, "output", "o", "table", "table or json")
	flags.DurationVar(&a.timeout, "timeout", 10*time.Second, "how long to wait for an answer")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(misplaced)
	root.AddCommand(commands(a)...)
	return root
}

// group gives a command that only has others below it.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: knows,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return &usageError{fmt.Errorf("%s needs one of: %s", cmd.CommandPath(), names(cmd))}
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

func names(cmd *cobra.Command) string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return strings.Join(out, ", ")
}

// client returns the client of the connector that the flags or the environment
// name.
func (a *app) client() (*client.Client, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	c, err := client.New(client.Options{Env: a.env, Address: a.either(a.connector, "UNDERSTUDY_CONNECTOR"), Token: token})
	if err != nil {
		return nil, &usageError{err}
	}
	return c, nil
}

func (a *app) token() (string, error) {
	file := a.either(a.tokenFile, "UNDERSTUDY_TOKEN_FILE")
	if file == "" {
		return "", nil
	}
	return readSecret(file)
}

// askFor puts a question and returns the line that answers it. An operator who
// stops the command instead leaves the read behind, which ends with the process.
func (a *app) askFor(ctx context.Context, question string) (string, error) {
	fmt.Fprint(a.stderr, question)
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(a.stdin).ReadString('\n')
		answers <- answer{strings.TrimSpace(line), err}
	}()
	select {
	case got := <-answers:
		return got.line, got.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (a *app) either(flag, variable string) string {
	if flag != "" {
		return flag
	}
	return a.getenv(variable)
}

// readSecret reads a token or key that stands alone in a file, as in the files
// that the configuration names.
func readSecret(file string) (string, error) {
	secret, err := config.ReadSecret(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return secret, nil
}

// Command returns the whole tree of commands, for the pages that are made of it.
func Command() *cobra.Command { return newRootCommand(&app{}) }
