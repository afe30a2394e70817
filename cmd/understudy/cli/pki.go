package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"understudy/pki"
	"understudy/site"
)

func newPKICommand(a *app) *cobra.Command {
	return group("pki", "Be a small certificate authority for a site that has none",
		newPKIInitCommand(a), newPKIIssueCommand(a), newPKIRenewCommand(a), newPKIListCommand(a),
		newPKITokenCommand(a), newPKIRevokeCommand(a), newPKIServeCommand(a), newPKIEnrolCommand(a))
}

// authorityFlag is the folder of the authority.
type authorityFlag struct{ dir string }

func (f *authorityFlag) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "dir", "", "the folder of the authority (required)")
}

func (f *authorityFlag) open(a *app, cmd *cobra.Command) (*pki.Authority, error) {
	if f.dir == "" {
		return nil, &usageError{fmt.Errorf("%s needs --dir DIR, the folder of the authority", cmd.CommandPath())}
	}
	authority, err := pki.Open(a.env, f.dir)
	if err != nil {
		return nil, &configError{err}
	}
	return authority, nil
}

func newPKIInitCommand(a *app) *cobra.Command {
	var f authorityFlag
	var domains []string
	cmd := &cobra.Command{
		Use: "init --dir DIR --domain example.com", Short: "Make an authority, limited to domains, in a folder of its own", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.dir == "" || len(domains) == 0 {
				return &usageError{fmt.Errorf("%s needs --dir DIR and --domain DOMAIN", cmd.CommandPath())}
			}
			if err := pki.Init(a.env, f.dir, domains); err != nil {
				return err
			}
			authority, err := pki.Open(a.env, f.dir)
			if err != nil {
				return err
			}
			return show(a, authorityView{Dir: f.dir, Domains: authority.Domains(), NotAfter: authority.NotAfter(), Fingerprint: authority.Fingerprint()}, renderAuthority)
		},
	}
	f.add(cmd)
	cmd.Flags().StringSliceVar(&domains, "domain", nil, "a domain; certificates are for it and names below it only (several times for more)")
	return cmd
}

// authorityView is a new authority.
type authorityView struct {
	Dir         string    `json:"dir"`
	Domains     []string  `json:"domains"`
	NotAfter    time.Time `json:"not_after"`
	Fingerprint string    `json:"fingerprint"`
}

func renderAuthority(s *screen, v authorityView) {
	s.line("The authority in " + v.Dir + " signs for " + strings.Join(v.Domains, ", ") + " and names below, until " + v.NotAfter.Format(time.DateOnly) + ".")
	s.line("Fingerprint (SHA-256): " + v.Fingerprint)
	s.line("")
	s.line("What to do next:")
	s.line("  keep " + filepath.Join(v.Dir, "ca.key") + " secret and the folder in a backup: whoever has the key is every host of these domains")
	s.line("  copy " + filepath.Join(v.Dir, pki.CertFile) + " to every host, as tls.ca_file")
	s.line("  understudy pki issue --dir " + v.Dir + " --name FQDN --out FQDN          certificates by hand, or")
	s.line("  understudy pki serve --dir " + v.Dir + " --name PKI.FQDN               the service from which hosts get and renew their own,")
	s.line("  understudy pki token --dir " + v.Dir + " --name FQDN > token            each with a one-time token")
}

// leafFlags say which certificate is wanted.
type leafFlags struct {
	authorityFlag
	name string
	also []string
	out  string
	life time.Duration
}

func (f *leafFlags) add(cmd *cobra.Command) {
	f.authorityFlag.add(cmd)
	cmd.Flags().StringVar(&f.name, "name", "", "the host's name, as FQDN (required)")
	cmd.Flags().StringVar(&f.out, "out", "", "where the files go: PREFIX.pem and PREFIX.key (required)")
	cmd.Flags().DurationVar(&f.life, "life", pki.DefaultLife, "how long the certificate counts")
}

func (f *leafFlags) check(cmd *cobra.Command) error {
	if f.name == "" || f.out == "" {
		return &usageError{fmt.Errorf("%s needs --name FQDN and --out PREFIX", cmd.CommandPath())}
	}
	return nil
}

func newPKIIssueCommand(a *app) *cobra.Command {
	var f leafFlags
	cmd := &cobra.Command{
		Use: "issue --dir DIR --name FQDN --out PREFIX", Short: "Sign a certificate with a new key for a connector, desktop, StoreFront or cloud broker", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			names, err := hostNames(append([]string{f.name}, f.also...))
			if err != nil {
				return err
			}
			files := pair(f.out)
			if files.Exists() {
				return fmt.Errorf("%s and %s are there already and are not overwritten: renew them with understudy pki renew, or name another --out", files.Cert, files.Key)
			}
			return f.sign(a, cmd, names)
		},
	}
	f.add(cmd)
	cmd.Flags().StringSliceVar(&f.also, "also", nil, "one more name of the host (several times for more)")
	return cmd
}

func newPKIRenewCommand(a *app) *cobra.Command {
	var f leafFlags
	cmd := &cobra.Command{
		Use: "renew --dir DIR --name FQDN --out PREFIX", Short: "Sign the next certificate of a name in the ledger, for all its names, with a new key", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			authority, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			last, known, err := authority.Latest(cmd.Context(), site.Canonical(f.name))
			if err != nil {
				return err
			}
			if !known {
				return fmt.Errorf("the ledger has no certificate of %s: understudy pki list shows those it has, understudy pki issue signs a first one", f.name)
			}
			return f.sign(a, cmd, last.Names)
		},
	}
	f.add(cmd)
	return cmd
}

// sign makes a key and a certificate and writes both.
func (f *leafFlags) sign(a *app, cmd *cobra.Command, names []site.FQDN) error {
	if _, err := os.Stat(filepath.Dir(f.out)); err != nil {
		return fmt.Errorf("the folder of --out: %w", err) // before the ledger has a certificate that nobody gets
	}
	authority, err := f.open(a, cmd)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), a.env.Rand("pki keys"))
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	cert, err := authority.Issue(cmd.Context(), pki.Order{Names: names, Life: f.life, Key: key.Public(), How: pki.ByHand})
	if err != nil {
		return err
	}
	files := pair(f.out)
	if err := pki.WritePair(files, cert, key); err != nil {
		return err
	}
	return show(a, leafView(cert, files), renderLeaf)
}

// leaf is a certificate that was issued.
type leaf struct {
	Names    []string  `json:"names"`
	Serial   string    `json:"serial"`
	NotAfter time.Time `json:"not_after"`
	CertFile string    `json:"cert_file"`
	KeyFile  string    `json:"key_file"`
}

func leafView(cert *x509.Certificate, files pki.Pair) leaf {
	return leaf{Names: cert.DNSNames, Serial: fmt.Sprintf("%x", cert.SerialNumber), NotAfter: cert.NotAfter, CertFile: files.Cert, KeyFile: files.Key}
}

func renderLeaf(s *screen, l leaf) {
	s.line(fmt.Sprintf("%s: %s and %s, until %s", strings.Join(l.Names, ", "), l.CertFile, l.KeyFile, l.NotAfter.UTC().Format(time.RFC3339)))
}

func pair(prefix string) pki.Pair { return pki.Pair{Cert: prefix + ".pem", Key: prefix + ".key"} }

func hostNames(texts []string) ([]site.FQDN, error) {
	var names []site.FQDN
	var errs []error
	for _, text := range texts {
		name, err := site.ParseFQDN(text)
		if err != nil {
			errs = append(errs, &usageError{err})
		}
		names = append(names, name)
	}
	return names, errors.Join(errs...)
}
