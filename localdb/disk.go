package localdb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"understudy/datadir"
)

// disk is every step by which a snapshot becomes durable, so that a test can
// stop after each of them.
type disk interface {
	// create makes an empty file that only this user may read.
	create(path string) error
	// copy makes such a file of what is in another one, and returns that one's SHA-256.
	copy(from, to string) (sum string, err error)
	write(path string, content []byte) error
	syncFile(path string) error
	syncFolder(dir string) error
	rename(from, to string) error
	remove(path string) error
}

type realDisk struct{}

func (realDisk) create(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func (realDisk) copy(from, to string) (string, error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", err
	}
	sum, err := hashed(io.TeeReader(in, out))
	return sum, errors.Join(err, out.Close())
}

func (realDisk) write(path string, content []byte) error { return os.WriteFile(path, content, 0o600) }

func (realDisk) syncFile(path string) error {
	// Windows flushes only what is open for writing.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (realDisk) syncFolder(dir string) error { return datadir.Sync(dir) }

func (realDisk) rename(from, to string) error { return os.Rename(from, to) }

func (realDisk) remove(path string) error { return os.Remove(path) }

// replaceFile gives a file new content, so that a crash leaves either the old or
// the new one.
func replaceFile(d disk, path string, content []byte) error {
	temp := path + ".tmp"
	if err := d.write(temp, content); err != nil {
		return err
	}
	if err := d.syncFile(temp); err != nil {
		return err
	}
	if err := d.rename(temp, path); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(path))
}

// hashFile returns the SHA-256 and the size of a file.
func hashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	counted := &counter{r: f}
	sum, err := hashed(counted)
	if err != nil {
		return "", 0, fmt.Errorf("read %s: %w", path, err)
	}
	return sum, counted.n, nil
}

// hashed reads to the end and returns the SHA-256.
func hashed(r io.Reader) (string, error) {
	h := sha256.New()
	_, err := io.CopyBuffer(h, r, make([]byte, 256<<10))
	return hex.EncodeToString(h.Sum(nil)), err
}

// counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// gatedDisk passes the gate before each step.
type gatedDisk struct {
	disk
	gate func(context.Context) error
}

func (d gatedDisk) step(do func() error) error {
	if err := d.gate(context.Background()); err != nil {
		return err
	}
	return do()
}

func (d gatedDisk) create(path string) error {
	return d.step(func() error { return d.disk.create(path) })
}

func (d gatedDisk) copy(from, to string) (sum string, err error) {
	err = d.step(func() error {
		sum, err = d.disk.copy(from, to)
		return err
	})
	return sum, err
}

func (d gatedDisk) write(path string, content []byte) error {
	return d.step(func() error { return d.disk.write(path, content) })
}

func (d gatedDisk) syncFile(path string) error {
	return d.step(func() error { return d.disk.syncFile(path) })
}

func (d gatedDisk) syncFolder(dir string) error {
	return d.step(func() error { return d.disk.syncFolder(dir) })
}

func (d gatedDisk) rename(from, to string) error {
	return d.step(func() error { return d.disk.rename(from, to) })
}

func (d gatedDisk) remove(path string) error {
	return d.step(func() error { return d.disk.remove(path) })
}
