package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"understudy/env"
	"understudy/trust"
)

// TLS names PEM files.
type TLS struct {
	CertFile string `json:"cert_file,omitempty"`
	KeyFile  string `json:"key_file,omitempty"`
	CAFile   string `json:"ca_file,omitempty"`
}

func (t *TLS) files() []fileName {
	return []fileName{
		{"tls.cert_file", &t.CertFile, true},
		{"tls.key_file", &t.KeyFile, true},
		{"tls.ca_file", &t.CAFile, true},
	}
}

func (t TLS) trusted() trust.Files {
	return trust.Files{Cert: t.CertFile, Key: t.KeyFile, CA: t.CAFile}
}

// Server returns the settings of a listener, which follow the files; nil, for plain TCP,
// where there are none. Mutual listeners refuse clients without a certificate of the CA;
// the others verify one where a client shows it, if there is a CA.
func (t TLS) Server(s *trust.Store, mutual bool) (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	if mutual && t.CAFile == "" {
		return nil, fmt.Errorf("mutual TLS needs a ca_file")
	}
	return s.Server(t.trusted(), mutual)
}

// Client returns the settings of outgoing connections, which follow the files; nil, for
// plain TCP, where there are none. Without a CA file the roots of the system count.
func (t TLS) Client(s *trust.Store) (env.TLS, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	return s.Client(t.trusted())
}

func readCA(file string) (*x509.CertPool, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("read the CA: %s holds no PEM certificate", file)
	}
	return pool, nil
}
