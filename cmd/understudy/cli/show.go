package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"understudy/console/client"
)

// view is something that can be asked for and shown, once or again and again.
type view[T any] struct {
	use, short string
	// noWatch leaves the flag out where nothing changes quickly.
	noWatch bool
	fetch   func(context.Context, *client.Client) (T, error)
	render  func(*screen, T)
}

// newViewCommand makes a command of a view.
func newViewCommand[T any](a *app, v view[T]) *cobra.Command {
	var watch bool
	var every time.Duration
	cmd := &cobra.Command{Use: v.use, Short: v.short, Args: wants()}
	if !v.noWatch {
		cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again and again")
		cmd.Flags().DurationVar(&every, "every", time.Second, "how often, with --watch")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		if watch {
			return watching(cmd.Context(), a, c, v, max(every, 100*time.Millisecond))
		}
		value, err := fetch(cmd.Context(), a, c, v)
		if err != nil {
			return err
		}
		return show(a, value, v.render)
	}
	return cmd
}

func fetch[T any](ctx context.Context, a *app, c *client.Client, v view[T]) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return v.fetch(ctx, c)
}

// show prints a value as the -o flag wants it.
func show[T any](a *app, value T, render func(*screen, T)) error {
	if a.output == "json" {
		return writeJSON(a.stdout, value, "  ")
	}
	s := a.newScreen()
	render(s, value)
	return s.writeTo(a.stdout)
}

// watching shows a view until ctx ends. A connector that does not answer is shown
// as that: it may come back.
func watching[T any](ctx context.Context, a *app, c *client.Client, v view[T], every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		value, err := fetch(ctx, a, c, v)
		if ctx.Err() != nil {
			return nil
		}
		if err := a.frame(value, err, func(s *screen) { v.render(s, value) }); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// frame prints one picture of a watch.
func (a *app) frame(value any, failed error, render func(*screen)) error {
	if a.output == "json" {
		if failed != nil {
			value = map[string]string{"error": failed.Error()}
		}
		return writeJSON(a.stdout, value, "")
	}
	s := a.newScreen()
	if isTerminal(a.stdout) {
		s.text.WriteString("\x1b[H\x1b[2J")
	}
	if failed != nil {
		s.line(s.bad(failed.Error()))
	} else {
		render(s)
	}
	s.line("")
	return s.writeTo(a.stdout)
}

func writeJSON(w io.Writer, value any, indent string) error {
	out := json.NewEncoder(w)
	out.SetIndent("", indent)
	if err := out.Encode(value); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// screen collects what is shown to a person.
type screen struct {
	text  bytes.Buffer
	color bool
	now   time.Time
}

func (a *app) newScreen() *screen {
	return &screen{color: isTerminal(a.stdout) && a.getenv("NO_COLOR") == "", now: a.env.Now()}
}

func (s *screen) writeTo(w io.Writer) error {
	if _, err := s.text.WriteTo(w); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (s *screen) line(text string) { s.text.WriteString(text + "\n") }

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
