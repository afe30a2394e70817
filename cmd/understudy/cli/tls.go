package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
)

// tlsFlags name the PEM files that a command uses towards a server.
type tlsFlags struct{ caFile, certFile, keyFile string }

func (t *tlsFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&t.caFile, "ca-file", "", "PEM file with the authority that signed the server's certificate (else the system's)")
	flags.StringVar(&t.certFile, "cert-file", "", "PEM file with our certificate")
	flags.StringVar(&t.keyFile, "cert-key-file", "", "PEM file with the key of our certificate")
}

// config returns TLS 1.3 with what the files hold.
func (t *tlsFlags) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if (t.certFile == "") != (t.keyFile == "") {
		return nil, &usageError{errors.New("--cert-file and --cert-key-file go together")}
	}
	if t.certFile != "" {
		pair, err := tls.LoadX509KeyPair(t.certFile, t.keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if t.caFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(t.caFile)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", t.caFile)
	}
	return config, nil
}
