package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
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

// Server returns the settings of a listener; nil, for plain TCP, where there are
// no files. Mutual listeners refuse clients without a certificate of the CA; the
// others verify one where a client shows it, if there is a CA.
func (t TLS) Server(mutual bool) (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	if err := t.addCertificate(c); err != nil {
		return nil, err
	}
	if t.CAFile == "" {
		if mutual {
			return nil, fmt.Errorf("mutual TLS needs a ca_file")
		}
		return c, nil
	}
	pool, err := readCA(t.CAFile)
	if err != nil {
		return nil, err
	}
	c.ClientCAs, c.ClientAuth = pool, tls.VerifyClientCertIfGiven
	if mutual {
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, nil
}

// Client returns the settings of outgoing connections; nil, for plain TCP, where
// there are no files. Without a CA file the roots of the system count.
func (t TLS) Client() (*tls.Config, error) {
	if t == (TLS{}) {
		return nil, nil
	}
	return t.client()
}

func (t TLS) client() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13}
	if t.CertFile != "" || t.KeyFile != "" {
		if err := t.addCertificate(c); err != nil {
			return nil, err
		}
	}
	if t.CAFile == "" {
		return c, nil
	}
	pool, err := readCA(t.CAFile)
	c.RootCAs = pool
	return c, err
}

func (t TLS) addCertificate(c *tls.Config) error {
	certificate, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return fmt.Errorf("load the certificate %s: %w", t.CertFile, err)
	}
	c.Certificates = []tls.Certificate{certificate}
	return nil
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
