package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"understudy/events"
)

// eventFlags say which events to show.
type eventFlags struct {
	follow bool
	data   string
	after  int64
	limit  int
	kinds  []string
}

func (f eventFlags) validate() error {
	if f.limit < 1 || f.limit > 1000 {
		return &usageError{fmt.Errorf("--limit %d is not within 1 to 1000", f.limit)}
	}
	if f.follow && f.data != "" {
		return &usageError{errors.New("--follow asks a running connector, --data reads one that is stopped: give one of them")}
	}
	for _, kind := range f.kinds {
		if !slices.ContainsFunc(events.Catalogue(), func(k events.Kind) bool { return string(k.Name) == kind }) {
			return &usageError{fmt.Errorf("--kind %s: there is no such event; docs/events.md has them all", kind)}
		}
	}
	return nil
}

func newEventsCommand(a *app) *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{
		Use: "events", Short: "Show what happened, by what each event is called in docs/events.md", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.validate(); err != nil {
				return err
			}
			return a.events(cmd.Context(), f)
		},
	}
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with new events as they come")
	cmd.Flags().StringVar(&f.data, "data", "", "read the data folder of a connector that is not running")
	cmd.Flags().Int64Var(&f.after, "after", -1, "show those after this id, instead of the latest")
	cmd.Flags().StringSliceVar(&f.kinds, "kind", nil, "only events of these `NAMES`, with commas between them, such as admin_order")
	cmd.Flags().IntVarP(&f.limit, "limit", "n", 100, "how many at most")
	return cmd
}

func (a *app) events(ctx context.Context, f eventFlags) error {
	if f.data != "" {
		return a.storedEvents(ctx, f)
	}
	c, err := a.client()
	if err != nil {
		return err
	}
	if f.follow {
		return c.Follow(ctx, f.after, f.limit, a.printEvent, f.kinds...)
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	list, err := c.Events(ctx, f.after, f.limit, f.kinds...)
	if err != nil {
		return err
	}
	return a.printEvents(list)
}

func (a *app) printEvents(list []events.Entry) error {
	for _, e := range list {
		if err := a.printEvent(e); err != nil {
			return err
		}
	}
	return nil
}

// printEvent writes one line: an object, or a sentence with its fields.
func (a *app) printEvent(e events.Entry) error {
	if a.output == "json" {
		return writeJSON(a.stdout, e, "")
	}
	s := a.newScreen()
	words := fmt.Sprintf("%s  %-7s %4d %-20s %s%s", e.At.Local().Format(time.DateTime), e.Severity, e.Code, e.Event, e.Reason, fields(e.Fields))
	switch e.Severity {
	case events.Error:
		words = s.bad(words)
	case events.Warning:
		words = s.warn(words)
	case events.Info:
	}
	s.line(words)
	return s.writeTo(a.stdout)
}

// fields writes those that say something; -o json has all.
func fields(by map[string]any) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(by)) {
		value, err := json.Marshal(by[key])
		if words := strings.Trim(string(value), `"`); err == nil && words != "" {
			fmt.Fprintf(&out, " %s=%s", key, words)
		}
	}
	return out.String()
}
