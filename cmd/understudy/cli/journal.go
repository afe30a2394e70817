package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"understudy/console"
	"understudy/console/client"
	"understudy/wire"
)

func newJournalCommand(a *app) *cobra.Command {
	return group("journal", "Show what a connector has recorded in outages, and how far it is handed back",
		newJournalListCommand(a), newJournalExportCommand(a))
}

func newJournalListCommand(a *app) *cobra.Command {
	var after uint64
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: "Show a page of the records that this connector has made and keeps", Args: wants(),
		Long: "Shows the records of outages that this connector has made and still keeps, oldest first, and how far they are\n" +
			"handed back. Of the copies of other connectors' records it says that there are some: those are handed back too,\n" +
			"should the connector that made them not do so. What was handed back goes when a sync brings a site that has it.",
	}
	cmd.Flags().Uint64Var(&after, "after", 0, "go on after this record")
	cmd.Flags().IntVarP(&limit, "number", "n", 100, "how many records, at most 1000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if limit < 1 || limit > console.MaxLimit {
			return &usageError{fmt.Errorf("--number %d is not within 1 to %d", limit, console.MaxLimit)}
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		page, err := a.journalPage(cmd.Context(), c, after, limit)
		if err != nil {
			return err
		}
		return show(a, page, renderJournal)
	}
	return cmd
}

func (a *app) journalPage(ctx context.Context, c *client.Client, after uint64, limit int) (wire.JournalPage, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return c.Journal(ctx, after, limit)
}

func renderJournal(s *screen, p wire.JournalPage) {
	s.line(journalWords(p.Journal))
	r := newRows("RECORD", "AT", "KIND", "USER", "MACHINE", "SESSION", "HANDED BACK")
	for _, x := range p.Items {
		r.add(x.Sequence, s.ago(x.At), x.Kind, orDash(x.User), orDash(x.Machine), orDash(x.Session), mark(x.HandedBack))
	}
	s.list(r, "", nothingAfter(p.Journal))
	if p.Next > 0 {
		s.line(fmt.Sprintf("There are more: --after %d", p.Next))
	}
}

// nothingAfter tells an empty journal from the end of one.
func nothingAfter(j wire.JournalStatus) string {
	if j.Records > 0 {
		return "There is no record after that."
	}
	return "This connector keeps no record of its own."
}

// journalWords say how far the hand-back is: "812 records, 640 handed back, 2 rejected".
func journalWords(j wire.JournalStatus) string {
	words := many(j.Records, "record")
	if j.Records > 0 {
		words += fmt.Sprintf(", %d handed back", j.HandedBack)
	}
	if j.Rejected > 0 {
		words += fmt.Sprintf(", %d rejected", j.Rejected)
	}
	if j.Conflicts > 0 {
		words += fmt.Sprintf(", %d in conflict", j.Conflicts)
	}
	if j.Copies > 0 {
		words += "; copies of the records of " + many(j.Copies, "other connector")
	}
	return words
}

// journalRow is in the status where there is something to say.
func journalRow(s *screen, r *rows, j wire.JournalStatus) {
	if j.Records == 0 && j.Copies == 0 {
		return
	}
	words := journalWords(j)
	if j.Full {
		words += s.bad(fmt.Sprintf(" (full: %d are allowed, launches are refused)", j.Limit))
	}
	r.add("Journal", words)
	if j.Trouble != "" {
		r.add("", s.warn(j.Trouble))
	}
}

func newJournalExportCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "export", Short: "Print all records that this connector has made and keeps, one JSON object a line", Args: wants(),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.client()
		if err != nil {
			return err
		}
		for after := uint64(0); ; {
			page, err := a.journalPage(cmd.Context(), c, after, 1000)
			if err != nil {
				return err
			}
			for _, item := range page.Items {
				if err := writeJSON(a.stdout, item, ""); err != nil {
					return err
				}
			}
			if after = page.Next; after == 0 {
				return nil
			}
		}
	}
	return cmd
}
