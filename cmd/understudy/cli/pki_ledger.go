package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"understudy/pki"
	"understudy/site"
	"understudy/wire"
)

func newPKIListCommand(a *app) *cobra.Command {
	var f authorityFlag
	var all bool
	cmd := &cobra.Command{
		Use: "list --dir DIR", Short: "Show the certificates of the ledger, and the names that get no more", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			authority, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			entries, err := authority.List(cmd.Context(), all)
			if err != nil {
				return err
			}
			return show(a, wire.List[pki.Entry]{Items: entries}, renderLedger)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every certificate that was ever issued, not only the latest of each name")
	return cmd
}

func renderLedger(s *screen, l wire.List[pki.Entry]) {
	r := newRows("NAME", "STATE", "ENDS", "ISSUED", "HOW", "FROM", "ALSO", "SERIAL")
	for _, e := range l.Items {
		r.add(string(e.Name), s.ledgerState(e.State), ends(e), s.ago(e.At), orDash(e.How), orDash(e.From), also(e.Record), orDash(e.Serial))
	}
	s.list(r, "", "Nothing was issued yet.")
}

func ends(e pki.Entry) string {
	if e.NotAfter.IsZero() {
		return "-"
	}
	return e.NotAfter.UTC().Format(time.RFC3339)
}

func also(r pki.Record) string {
	var more []string
	for _, name := range r.Names {
		if name != r.Name {
			more = append(more, string(name))
		}
	}
	return orDash(strings.Join(more, " "))
}

func (s *screen) ledgerState(state pki.State) string {
	switch state {
	case pki.Valid:
		return s.good(string(state))
	case pki.Expiring:
		return s.warn(string(state))
	case pki.Expired, pki.Revoked:
	}
	return s.bad(string(state))
}

func newPKITokenCommand(a *app) *cobra.Command {
	var f authorityFlag
	var name string
	var more []string
	var life time.Duration
	cmd := &cobra.Command{
		Use: "token --dir DIR --name FQDN", Short: "Print a one-time token with which one host gets its first certificate", Args: wants(),
		Long: "Prints the token alone on the standard output, for a file that goes to the host. It is shown once: the ledger has\n" +
			"only its digest. It counts once, for that name, until its end.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return &usageError{fmt.Errorf("%s needs --name FQDN", cmd.CommandPath())}
			}
			names, err := hostNames(append([]string{name}, more...))
			if err != nil {
				return err
			}
			authority, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			secret, record, err := authority.NewToken(cmd.Context(), names, life)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return writeJSON(a.stdout, newToken{Token: secret, Names: names, Until: record.Until}, "  ")
			}
			fmt.Fprintln(a.stdout, secret)
			fmt.Fprintf(a.stderr, "for %s, once, until %s; the authority's fingerprint is %s\n", record.Name, record.Until.Format(time.RFC3339), authority.Fingerprint())
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&name, "name", "", "the host's name, as FQDN (required)")
	cmd.Flags().StringSliceVar(&more, "also", nil, "one more name that its certificates have (several times for more)")
	cmd.Flags().DurationVar(&life, "life", pki.DefaultTokenLife, "how long the token counts")
	return cmd
}

type newToken struct {
	Token string      `json:"token"`
	Names []site.FQDN `json:"names"`
	Until time.Time   `json:"until"`
}

func newPKIRevokeCommand(a *app) *cobra.Command {
	var f authorityFlag
	var undo bool
	cmd := &cobra.Command{
		Use: "revoke --dir DIR NAME", Short: "Issue no more certificates to a name; the one it has counts until its end", Args: wants("the NAME of a host"),
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := hostNames(args)
			if err != nil {
				return err
			}
			authority, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			if err := authority.Deny(cmd.Context(), names[0], undo); err != nil {
				return err
			}
			last, known, err := authority.Latest(cmd.Context(), names[0])
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, denied(names[0], last, known, undo))
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&undo, "undo", false, "let the name get certificates again")
	return cmd
}

func denied(name site.FQDN, last pki.Record, known, undo bool) string {
	switch {
	case undo:
		return fmt.Sprintf("%s may get certificates again.", name)
	case !known:
		return fmt.Sprintf("%s gets no certificates. It has none: if that is new to you, see whether the name is right (understudy pki list).", name)
	}
	return fmt.Sprintf("%s gets no more certificates. The one it has counts until %s: until then take the host off the network or the site if it is in wrong hands.", name, last.NotAfter.UTC().Format(time.RFC3339))
}
