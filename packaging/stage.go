package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// stage is a tree of the files of one architecture, as they will be installed.
type stage struct {
	*release
	arch string
	dir  string
}

// make fills the tree and packs it.
func (s *stage) make() error {
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	for _, step := range []func() error{s.binary, s.units, s.settings, s.manual, s.completions, s.documents, s.pack} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// binary builds the product: no paths of this machine, no C library.
func (s *stage) binary() error {
	path, err := s.path("usr/bin/understudy")
	if err != nil {
		return err
	}
	if err := compile(s.arch, path, s.version); err != nil {
		return err
	}
	return writeParts(s.release, s.arch, path)
}

func compile(arch, path, version string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X understudy/cmd/understudy/cli.release="+version, "-o", path, "./cmd/understudy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0")
	return quietly(cmd)
}

// quietly runs a command whose output is only wanted if it fails.
func quietly(cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out.String())
	}
	return nil
}

// units are what systemd reads.
func (s *stage) units() error {
	units, err := filepath.Glob("packaging/files/units/*.service")
	if err != nil {
		return err
	}
	for _, unit := range units {
		if err := s.copy(unit, "lib/systemd/system/"+filepath.Base(unit)); err != nil {
			return err
		}
	}
	if err := s.copy("packaging/files/sysusers.conf", "usr/lib/sysusers.d/understudy.conf"); err != nil {
		return err
	}
	return s.copy("packaging/files/tmpfiles.conf", "usr/lib/tmpfiles.d/understudy.conf")
}

// settings are the files that an administrator edits.
func (s *stage) settings() error {
	files, err := filepath.Glob("packaging/files/etc/*")
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := s.copy(file, "etc/understudy/"+filepath.Base(file)); err != nil {
			return err
		}
	}
	return nil
}

// path makes the folder of a file of the tree.
func (s *stage) path(name string) (string, error) {
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	return path, os.MkdirAll(filepath.Dir(path), 0o755)
}

func (s *stage) write(name string, data []byte) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func (s *stage) copy(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return s.write(to, data)
}

// pack makes the packages of the tree.
func (s *stage) pack() error {
	if slices.Contains(s.formats, "tar") {
		if err := s.archive(); err != nil {
			return err
		}
	}
	for _, format := range []string{"deb", "rpm"} {
		if slices.Contains(s.formats, format) {
			if err := s.bundle(format); err != nil {
				return err
			}
		}
	}
	return nil
}
