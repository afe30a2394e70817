package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"understudy/events"
	"understudy/pki"
	"understudy/site"
)

// enrolFlags say whose certificate comes from where.
type enrolFlags struct {
	url, name, out, caFile, fingerprint string
	now                                 bool
}

func newPKIEnrolCommand(a *app) *cobra.Command {
	var f enrolFlags
	cmd := &cobra.Command{
		Use: "enrol --url URL --name FQDN --out PREFIX", Short: "Get this host's certificate from a served authority, and the next when it is due", Args: wants(),
		Long: "For hosts without a connector or desktop agent, such as StoreFronts. The first time it uses the one-time token of\n" +
			"--token-file; run again, as from cron each hour, it renews by the certificate when two thirds of its life are over.\n" +
			"It writes PREFIX.pem and PREFIX.key, and PREFIX-ca.pem where the authority is known by --fingerprint.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := f.options(a, cmd)
			if err != nil {
				return err
			}
			return a.enrol(cmd.Context(), pki.NewKeeper(o), f.now)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "the service of the authority, https://HOST:PORT (required)")
	flags.StringVar(&f.name, "name", "", "this host's name, as FQDN (required)")
	flags.StringVar(&f.out, "out", "", "where the files go: PREFIX.pem and PREFIX.key (required)")
	flags.StringVar(&f.caFile, "ca-file", "", "PEM file with the authority's certificate")
	flags.StringVar(&f.fingerprint, "fingerprint", "", "its SHA-256, where the file is not here yet")
	flags.StringVar(&a.tokenFile, "token-file", "", "file with the one-time token that understudy pki token printed, for the first certificate")
	flags.BoolVar(&f.now, "now", false, "renew even if it is not due")
	return cmd
}

func (f *enrolFlags) options(a *app, cmd *cobra.Command) (pki.KeeperOptions, error) {
	if f.url == "" || f.name == "" || f.out == "" {
		return pki.KeeperOptions{}, &usageError{fmt.Errorf("%s needs --url, --name and --out", cmd.CommandPath())}
	}
	name, err := site.ParseFQDN(f.name)
	if err = errors.Join(pki.CheckURL(f.url), err); err != nil {
		return pki.KeeperOptions{}, &usageError{err}
	}
	o := pki.KeeperOptions{
		Env: a.env, URL: f.url, Name: name, Files: pair(f.out), CAFile: f.caFile,
		Report: func(_ events.Name, reason string) { fmt.Fprintln(a.stderr, reason) },
	}
	if (f.caFile == "") == (f.fingerprint == "") {
		return o, &usageError{fmt.Errorf("%s needs --ca-file or --fingerprint, so that it knows the authority", cmd.CommandPath())}
	}
	if f.fingerprint != "" {
		o.CAFile = f.out + "-ca.pem"
		if o.Fingerprint, err = pki.ParseFingerprint(f.fingerprint); err != nil {
			return o, &usageError{err}
		}
	}
	if a.tokenFile != "" {
		o.Token = a.token
	}
	return o, nil
}

// enrol does once what is due.
func (a *app) enrol(ctx context.Context, k *pki.Keeper, now bool) error {
	due, is := k.Due()
	if !is && !now {
		fmt.Fprintln(a.stdout, "nothing is due before "+due.UTC().Format(time.RFC3339))
		return nil
	}
	err := k.Obtain(ctx)
	if errors.Is(err, pki.ErrNoToken) {
		return fmt.Errorf("there is no certificate that counts, and no token: name a file with the output of understudy pki token as --token-file")
	}
	return err
}
