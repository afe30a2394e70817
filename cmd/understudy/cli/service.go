package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/service"
)

// runner is a process that runs until it is stopped. Reload has it read certificates, keys
// and tokens from their files again, while it runs; it tells by itself how that went.
type runner interface {
	service.Process
	Run(ctx context.Context) error
	Reload(ctx context.Context) error
}

// serve runs a process, lets the service manager know how it is, and has it reload at each
// hangup.
func (a *app) serve(ctx context.Context, s runner, hangups <-chan os.Signal) error {
	return a.told(ctx, process(s), s.Run, func(ctx context.Context, m *service.Manager) { reloadAt(ctx, hangups, s, m) })
}

// told runs a process and lets the service manager know how it is; what is beside it goes
// on for as long.
func (a *app) told(ctx context.Context, p service.Process, run func(context.Context) error, beside ...func(context.Context, *service.Manager)) error {
	manager := service.New(func(err error) { fmt.Fprintln(a.stderr, "understudy: "+err.Error()) })
	following, unfollow := context.WithCancel(ctx)
	var followed sync.WaitGroup
	followed.Go(func() { manager.Follow(following, p) })
	for _, do := range beside {
		followed.Go(func() { do(following, manager) })
	}
	err := run(ctx)
	unfollow()
	followed.Wait()
	return err
}

// newServiceCommand makes the command of a service: it reads --config FILE, gets
// everything ready and runs it. A fault in the file ends it before anything starts.
func newServiceCommand(a *app, use, short, long string, start func(ctx context.Context, file string) (runner, error)) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return &usageError{fmt.Errorf("%s needs --config FILE", cmd.CommandPath())}
			}
			hangups, stop := onHangup()
			defer stop()
			s, err := start(cmd.Context(), file)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), s, hangups)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration file (YAML)")
	return cmd
}

// logger makes the logger that a file asks for.
func (a *app) logger(l config.Log) (*logrus.Logger, error) {
	level, err := logrus.ParseLevel(l.Level)
	if err != nil {
		return nil, &configError{fmt.Errorf("log.level: %w", err)}
	}
	out := a.stderr
	if l.File != "" {
		if out, err = os.OpenFile(l.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return nil, &configError{fmt.Errorf("open the log: %w", err)}
		}
	}
	logger := newLogger(out, level, l.Format)
	if journal := service.FindJournal(); journal != nil {
		logger.AddHook(journalHook{journal})
	}
	return logger, nil
}

func newLogger(out io.Writer, level logrus.Level, format string) *logrus.Logger {
	logger := logrus.New()
	logger.SetOutput(out)
	logger.SetLevel(level)
	logger.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano, DisableHTMLEscape: true})
	if format == "text" {
		logger.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	}
	return logger
}

// loaded reads a configuration file; whatever is wrong with it is its fault.
func loaded[T any](load func(file string) (T, error), file string) (T, error) {
	c, err := load(file)
	if err != nil {
		return c, &configError{err}
	}
	return c, nil
}

// exposedFiles names each file once: several keys may name one.
func exposedFiles(all []config.Exposed) []string {
	var files []string
	for _, e := range all {
		if !slices.Contains(files, e.File) {
			files = append(files, e.File)
		}
	}
	return files
}

// optional reads a secret where the file names one.
func optional(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	secret, err := config.ReadSecret(file)
	if err != nil {
		return "", &configError{err}
	}
	return secret, nil
}
