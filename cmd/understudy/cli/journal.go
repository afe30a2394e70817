package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"understudy/console/client"
	"understudy/wire"
)

func newJournalCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "journal", Short: "Show what a connector has recorded in outages, and how far it is handed back", Args: wants(),
	}
	cmd.AddCommand(newJournalListCommand(a), newJournalExportCommand(a))
	return cmd
}

func newJournalListCommand(a *app) *cobra.Command {
	var after uint64
	var limit int
	cmd := &cobra.Command{Use: "list", Short: "Show a page of the records that this connector keeps", Args: wants()}
	cmd.Flags().Uint64Var(&after, "after", 0, "go on after this record")
	cmd.Flags().IntVarP(&limit, "number", "n", 100, "how many records, at most 1000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
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
	s.list(r, "", "No record is kept here.")
	if p.Next > 0 {
		s.line(fmt.Sprintf("There are more: --after %d", p.Next))
	}
}

// journalWords say how far the hand-back is: "812 records, 640 handed back, 2 rejected".
func journalWords(j wire.JournalStatus) string {
	words := fmt.Sprintf("%d records", j.Records)
	if j.Records == 1 {
		words = "1 record"
	}
	if j.Records > 0 {
		words += fmt.Sprintf(", %d handed back", j.HandedBack)
	}
	if j.Rejected > 0 {
		words += fmt.Sprintf(", %d rejected", j.Rejected)
	}
	if j.Conflicts > 0 {
		words += fmt.Sprintf(", %d in conflict", j.Conflicts)
	}
	return words
}

// journalRow is in the status where there is something to say.
func journalRow(s *screen, r *rows, j wire.JournalStatus) {
	if j.Records == 0 {
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
		Use: "export", Short: "Print all records that this connector keeps, one JSON object a line", Args: wants(),
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
