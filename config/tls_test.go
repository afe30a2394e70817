package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/config"
	"understudy/trust"
)

// "TLS 1.3 on every listener and client from PEM files."
func TestTLSFromFiles(t *testing.T) {
	files := certificate(t)
	anonymous := config.TLS{CAFile: files.CAFile}
	tests := []struct {
		name   string
		mutual bool
		client config.TLS
		max    uint16
		works  bool
	}{
		{"mutual", true, files, 0, true},
		{"mutual without a certificate", true, anonymous, 0, false},
		{"with a certificate where none is asked for", false, files, 0, true},
		{"without a certificate where none is asked for", false, anonymous, 0, true},
		{"TLS 1.2", false, files, tls.VersionTLS12, false},
		{"another CA", false, config.TLS{CAFile: certificate(t).CAFile}, 0, false},
		{"a certificate of another CA", false, stranger(t, files), 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, err := files.Server(trust.New(time.Now), tt.mutual)
			if err != nil {
				t.Fatal(err)
			}
			now, err := tt.client.Client(trust.New(time.Now))
			if err != nil {
				t.Fatal(err)
			}
			client := now()
			client.ServerName = "cc01.example.test"
			if tt.max != 0 {
				client.MinVersion, client.MaxVersion = tt.max, tt.max
			}
			if err := handshake(server, client); (err == nil) != tt.works {
				t.Errorf("worked %t, want %t: %v", err == nil, tt.works, err)
			}
		})
	}
}

func TestTLSWithoutFilesIsPlain(t *testing.T) {
	server, err := config.TLS{}.Server(trust.New(time.Now), true)
	if server != nil || err != nil {
		t.Errorf("Server: got %v, %v", server, err)
	}
	client, err := config.TLS{}.Client(trust.New(time.Now))
	if client != nil || err != nil {
		t.Errorf("Client: got %t, %v", client != nil, err)
	}
}

func TestTLSWithBadFiles(t *testing.T) {
	good := certificate(t)
	tests := []struct {
		name   string
		mutual bool
		files  config.TLS
		want   string
	}{
		{"no certificate", false, config.TLS{CAFile: good.CAFile}, "read the certificate"},
		{"key of another", false, config.TLS{CertFile: good.CertFile, KeyFile: certificate(t).KeyFile}, "read the certificate"},
		{"CA that is no certificate", true, config.TLS{CertFile: good.CertFile, KeyFile: good.KeyFile, CAFile: good.KeyFile}, "holds no PEM certificate"},
		{"mutual without a CA", true, config.TLS{CertFile: good.CertFile, KeyFile: good.KeyFile}, "needs a ca_file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := tt.files.Server(trust.New(time.Now), tt.mutual); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
}

func TestReadSecret(t *testing.T) {
	for text, want := range map[string]string{"abc\n": "abc", "# StoreFronts\n\n  second \r\n": "second", "first\nsecond": "", "\n": "", "# none": ""} {
		file := write(t, [2]string{"token", text})
		got, err := config.ReadSecret(file)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "first") || !strings.Contains(err.Error(), file)) {
			t.Errorf("%q: %v does not name the file, or quotes what is in it", text, err)
		}
	}
}

// handshake sends one byte each way, because a client learns only then that its
// certificate was refused.
func handshake(server, client *tls.Config) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	failed := make(chan error, 1)
	go func() {
		a, err := listener.Accept()
		if err != nil {
			failed <- err
			return
		}
		failed <- swap(tls.Server(a, server))
	}()
	b, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	err = swap(tls.Client(b, client))
	return errors.Join(err, <-failed)
}

func swap(c *tls.Conn) error {
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if err := c.Handshake(); err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write([]byte("x"))
		sent <- err
	}()
	_, err := io.ReadFull(c, make([]byte, 1))
	return errors.Join(err, <-sent)
}

// certificate makes a CA and a certificate of it for cc01.example.test.
func certificate(t testing.TB) config.TLS {
	t.Helper()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caKey, key := newKey(t), newKey(t)
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, DNSNames: []string{"cc01.example.test"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	dir := t.TempDir()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return config.TLS{
		CAFile:   writePEM(t, dir, "CERTIFICATE", "ca.pem", sign(t, ca, ca, &caKey.PublicKey, caKey)),
		CertFile: writePEM(t, dir, "CERTIFICATE", "cert.pem", sign(t, leaf, ca, &key.PublicKey, caKey)),
		KeyFile:  writePEM(t, dir, "EC PRIVATE KEY", "key.pem", der),
	}
}

// stranger trusts the CA of the files, but shows a certificate of another one.
func stranger(t testing.TB, files config.TLS) config.TLS {
	t.Helper()
	other := certificate(t)
	other.CAFile = files.CAFile
	return other
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, cert, parent *x509.Certificate, public *ecdsa.PublicKey, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, parent, public, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writePEM(t testing.TB, dir, kind, name string, der []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
