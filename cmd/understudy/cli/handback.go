package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"understudy/wire"
)

func newHandbackCommand(a *app) *cobra.Command {
	return group("handback", "Show what a cloud broker made of the records of outages", newHandbackListCommand(a))
}

// mostFindings is what a cloud broker lists at once.
const mostFindings = 500

// listing is what `handback list` was told.
type listing struct {
	url, site string
	after     int64
	limit     int
	files     tlsFlags
}

func newHandbackListCommand(a *app) *cobra.Command {
	var o listing
	cmd := &cobra.Command{
		Use: "list --cloud URL --site NAME --token-file FILE", Short: "List conflicts, rejected records and double sessions at a cloud broker", Args: wants(),
		Long: "Lists what a person should look at after an outage: desktops that were assigned in it and changed in the\n" +
			"site meanwhile, records that made no sense, and users who had two sessions at the same time. It also\n" +
			"shows up to which record each connector's journal has been handed back.",
	}
	cmd.Flags().StringVar(&o.url, "cloud", "", "URL of the cloud broker; --token-file holds an administrator's token")
	cmd.Flags().StringVar(&o.site, "site", "", "name of the site that it serves")
	cmd.Flags().Int64Var(&o.after, "after", 0, "go on after this number")
	cmd.Flags().IntVarP(&o.limit, "number", "n", 100, fmt.Sprintf("how many, at most %d", mostFindings))
	o.files.add(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if o.url == "" || o.site == "" {
			return &usageError{errors.New("--cloud URL and --site NAME say whom to ask")}
		}
		if o.limit < 1 || o.limit > mostFindings {
			return &usageError{fmt.Errorf("--number %d is not within 1 to %d", o.limit, mostFindings)}
		}
		return a.listFindings(cmd.Context(), o)
	}
	return cmd
}

func (a *app) listFindings(ctx context.Context, o listing) error {
	p, err := a.publisher(o.site, application{url: o.url, files: o.files})
	if err != nil {
		return err
	}
	defer p.cloud.Close()
	found, err := p.cloud.Findings(ctx, o.after, o.limit)
	if err != nil {
		return p.refused(err)
	}
	return show(a, found, renderFindings)
}

func renderFindings(s *screen, f wire.Findings) {
	r := newRows("NUMBER", "FOUND", "KIND", "WHAT")
	for _, x := range f.Items {
		r.add(x.ID, s.ago(x.At), x.Kind, x.What)
	}
	s.list(r, "", "There is nothing to look at.")
	if f.Next > 0 {
		s.line(fmt.Sprintf("There are more: --after %d", f.Next))
	}
	if len(f.Journals) == 0 {
		s.line("No record of an outage was handed back yet.")
		return
	}
	r = newRows("CONNECTOR", "JOURNAL", "HANDED BACK UP TO", "LAST")
	for _, j := range f.Journals {
		r.add(j.Origin, short(j.Journal), j.Last, s.ago(j.At))
	}
	s.list(r, "", "")
}
