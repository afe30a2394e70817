package pki

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"understudy/datadir"
)

// disk is what is done to files, in steps between which a process may be killed.
type disk interface {
	read(path string) ([]byte, error)
	// write makes a new file and flushes it.
	write(path string, data []byte, mode os.FileMode) error
	rename(from, to string) error
	remove(path string) error
	// sync makes the names in a folder durable.
	sync(dir string) error
}

type realDisk struct{}

func (realDisk) read(path string) ([]byte, error) { return os.ReadFile(path) }

func (realDisk) write(path string, data []byte, mode os.FileMode) (err error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) remove(path string) error     { return os.Remove(path) }
func (realDisk) sync(dir string) error        { return datadir.Sync(dir) }

// writeFile puts a whole file in the place of what was there, or changes nothing.
func writeFile(d disk, path string, data []byte, mode os.FileMode) error {
	temp := path + ".tmp"
	if err := d.write(temp, data, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return move(d, temp, path)
}

func move(d disk, from, to string) error {
	if err := d.rename(from, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	if err := d.sync(filepath.Dir(to)); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}

// Pair names the files of a certificate and its key, which may be one and the same.
type Pair struct {
	Cert, Key string
}

// staged is where a new certificate waits, next where a new key does: until both are
// on the disk, the old ones are not touched.
func (p Pair) staged() string { return p.Cert + ".new" }
func (p Pair) next() string   { return p.Key + ".next" }

// install puts a new certificate in place, whose key is at next. A process that is
// killed in between leaves files of which recover makes the new pair, or the old one.
func (p Pair) install(d disk, cert []byte) error {
	key, err := d.read(p.next())
	if err != nil {
		return fmt.Errorf("read the new key: %w", err)
	}
	if p.Cert == p.Key {
		if err := writeFile(d, p.Cert, bytes.Join([][]byte{cert, key}, nil), 0o600); err != nil {
			return err
		}
		return d.remove(p.next())
	}
	if err := writeFile(d, p.staged(), cert, 0o644); err != nil {
		return err
	}
	return p.swap(d)
}

// swap moves the new files over the old ones, the certificate first.
func (p Pair) swap(d disk) error {
	if err := move(d, p.staged(), p.Cert); err != nil {
		return err
	}
	return move(d, p.next(), p.Key)
}

// recover ends what a killed process has begun.
func (p Pair) recover(d disk) error {
	if p.Cert == p.Key {
		return nil
	}
	if _, err := readPair(d, p.staged(), p.next()); err == nil {
		return p.swap(d)
	}
	if _, err := readPair(d, p.Cert, p.Key); err == nil {
		return nil
	}
	if _, err := readPair(d, p.Cert, p.next()); err == nil {
		return move(d, p.next(), p.Key)
	}
	return nil
}

// nextKey returns the key that waits at next for its certificate, because an answer
// may have been lost, or makes one; never that of the certificate in use.
func (p Pair) nextKey(d disk, inUse *x509.Certificate, make func() (*ecdsa.PrivateKey, error)) (*ecdsa.PrivateKey, error) {
	if data, err := d.read(p.next()); err == nil {
		key, err := parseKey(data)
		if err == nil && (inUse == nil || !key.PublicKey.Equal(inUse.PublicKey)) {
			return key, nil
		}
	}
	key, err := make()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, writeFile(d, p.next(), keyPEM(key), 0o600)
}

// readPair reads a certificate and its key, which must belong together.
func readPair(d disk, certFile, keyFile string) (tls.Certificate, error) {
	cert, err := d.read(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := d.read(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, err
	}
	if pair.Leaf == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	return pair, err
}

// WritePair writes a new certificate and key where there is none, or in the place of old ones.
func WritePair(p Pair, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	if err := p.recover(realDisk{}); err != nil {
		return err
	}
	if err := writeFile(realDisk{}, p.next(), keyPEM(key), 0o600); err != nil {
		return err
	}
	return p.install(realDisk{}, certPEM(cert.Raw))
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("pki: a key of our own cannot be written: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func parseKey(data []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("no PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("not ECDSA")
	}
	return k, nil
}
