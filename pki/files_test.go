package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// mortal is a disk of a process that is killed before one of its steps.
type mortal struct {
	realDisk
	steps int // left
}

var errKilled = errors.New("killed")

func (m *mortal) step() error {
	if m.steps == 0 {
		return errKilled
	}
	m.steps--
	return nil
}

// write is killed before, or halfway through.
func (m *mortal) write(path string, data []byte, mode os.FileMode) error {
	if err := m.step(); err != nil {
		return err
	}
	if err := m.step(); err != nil {
		return errors.Join(err, m.realDisk.write(path, data[:len(data)/2], mode))
	}
	return m.realDisk.write(path, data, mode)
}

func (m *mortal) rename(from, to string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.realDisk.rename(from, to)
}

func (m *mortal) remove(path string) error {
	if err := m.step(); err != nil {
		return err
	}
	return m.realDisk.remove(path)
}

func selfSigned(t *testing.T, key *ecdsa.PrivateKey, serial int64) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return certPEM(der)
}

func makeKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// renewal is one as a Keeper does it: it ends what was begun, makes a key, has it signed,
// and puts both in place.
func renewal(t *testing.T, d disk, p Pair, serial int64) error {
	t.Helper()
	if err := p.recover(d); err != nil {
		return err
	}
	var inUse *x509.Certificate
	if pair, err := readPair(d, p.Cert, p.Key); err == nil {
		inUse = pair.Leaf
	}
	key, err := p.nextKey(d, inUse, makeKey)
	if err != nil {
		return err
	}
	return p.install(d, selfSigned(t, key, serial))
}

// "A crash between the two files (kill at each step) leaves a usable pair": a process that is
// killed before any step, and at the next start once more, ends with the old pair or the new one.
func TestKilledAtEachStep(t *testing.T) {
	for _, together := range []bool{false, true} {
		for first := 0; ; first++ {
			survived := false
			for second := range 4 {
				name := fmt.Sprintf("one file %t, killed at %d, then at %d", together, first, second)
				p := Pair{Cert: filepath.Join(t.TempDir(), "c.pem")}
				if p.Key = p.Cert; !together {
					p.Key = p.Cert + ".key"
				}
				if err := renewal(t, realDisk{}, p, 1); err != nil {
					t.Fatal(err)
				}
				err := renewal(t, &mortal{steps: first}, p, 2)
				survived = err == nil
				_ = p.recover(&mortal{steps: second})
				if err := p.recover(realDisk{}); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				pair, readErr := readPair(realDisk{}, p.Cert, p.Key)
				if readErr != nil {
					t.Fatalf("%s: the files are %v", name, readErr)
				}
				if serial := pair.Leaf.SerialNumber.Int64(); survived && serial != 2 {
					t.Errorf("%s: number %d, want 2", name, serial)
				}
				if err := renewal(t, realDisk{}, p, 3); err != nil {
					t.Fatalf("%s: the next renewal: %v", name, err)
				}
				last, err := readPair(realDisk{}, p.Cert, p.Key)
				if err != nil || last.Leaf.SerialNumber.Int64() != 3 {
					t.Errorf("%s: after the next renewal: %v", name, err)
				}
			}
			if survived {
				if first < 4 {
					t.Errorf("only %d steps were tried", first)
				}
				break
			}
		}
	}
}

// "New key each time", but an answer that was lost is asked for again with the same one.
func TestNextKey(t *testing.T) {
	p := Pair{Cert: filepath.Join(t.TempDir(), "c.pem"), Key: filepath.Join(t.TempDir(), "c.key")}
	first, err := p.nextKey(realDisk{}, nil, makeKey)
	if err != nil {
		t.Fatal(err)
	}
	again, err := p.nextKey(realDisk{}, nil, makeKey)
	if err != nil || !again.Equal(first) {
		t.Errorf("got another key (%v), want the one that waits", err)
	}
	inUse := &x509.Certificate{PublicKey: first.Public()}
	next, err := p.nextKey(realDisk{}, inUse, makeKey)
	if err != nil || next.Equal(first) {
		t.Errorf("got the key in use (%v), want a new one", err)
	}
	info, err := os.Stat(p.next())
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the key that waits: %v %v, want it for the owner alone", info, err)
	}
}
