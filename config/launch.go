package config

import (
	"crypto/tls"
	"fmt"

	"understudy/launchfile"
)

// Launch names the keys with which answers of launches are made, in a broker's file.
type Launch struct {
	// RDPCertFile and RDPKeyFile sign .rdp files; without them those are unsigned.
	RDPCertFile string `json:"rdp_cert_file"`
	RDPKeyFile  string `json:"rdp_key_file"`
	// GuacamoleKeyFile holds what Guacamole has as json-secret-key; without it there are
	// no tokens.
	GuacamoleKeyFile string `json:"guacamole_key_file"`
}

func (l *Launch) files() []fileName {
	return []fileName{
		{"launch.rdp_cert_file", &l.RDPCertFile, true},
		{"launch.rdp_key_file", &l.RDPKeyFile, true},
		{"launch.guacamole_key_file", &l.GuacamoleKeyFile, true},
	}
}

func (l *Launch) check(c *checker) {
	if l.RDPCertFile != "" {
		c.need("launch.rdp_key_file", l.RDPKeyFile)
	}
	if l.RDPKeyFile != "" {
		c.need("launch.rdp_cert_file", l.RDPCertFile)
	}
}

// Maker reads the keys.
func (l *Launch) Maker() (launchfile.Maker, error) {
	var m launchfile.Maker
	if l.RDPCertFile != "" {
		pair, err := tls.LoadX509KeyPair(l.RDPCertFile, l.RDPKeyFile)
		if err != nil {
			return m, fmt.Errorf("load the certificate that signs .rdp files, %s: %w", l.RDPCertFile, err)
		}
		if m.Signer, err = launchfile.NewSigner(pair); err != nil {
			return m, fmt.Errorf("%s: %w", l.RDPKeyFile, err)
		}
	}
	if l.GuacamoleKeyFile == "" {
		return m, nil
	}
	text, err := ReadSecret(l.GuacamoleKeyFile)
	if err != nil {
		return m, err
	}
	if m.Key, err = launchfile.ParseKey(text); err != nil {
		return m, fmt.Errorf("%s: %w", l.GuacamoleKeyFile, err)
	}
	return m, nil
}
