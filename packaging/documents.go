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

const docs = "usr/share/doc/understudy/"

// documents are for people, and the licences of what is in the binary.
func (s *stage) documents() error {
	for from, to := range map[string]string{
		"docs/install.md": "install.md", "docs/operations.md": "operations.md", "docs/configuration.md": "configuration.md", "CHANGELOG.md": "NEWS.md",
	} {
		if err := s.compressed(from, docs+to+".gz"); err != nil {
			return err
		}
	}
	if err := s.zip(docs+"changelog.gz", s.changelog()); err != nil {
		return err
	}
	if err := s.copy("packaging/files/copyright", docs+"copyright"); err != nil {
		return err
	}
	licences, err := licencesOf(s.arch)
	if err != nil {
		return err
	}
	return s.zip(docs+"licences.txt.gz", licences)
}

// changelog is the form that Debian wants; what has changed is in NEWS.md.
func (s *stage) changelog() []byte {
	return fmt.Appendf(nil, "understudy (%s) stable; urgency=medium\n\n  * What has changed is in NEWS.md.gz.\n\n -- %s  %s\n",
		s.version, maintainer, s.made.Format("Mon, 02 Jan 2006 15:04:05 -0700"))
}

// licencesOf are the licences of the modules that a binary contains.
func licencesOf(arch string) ([]byte, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/understudy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the modules: %w", err)
	}
	var text bytes.Buffer
	for _, line := range slices.Compact(slices.Sorted(strings.Lines(string(out)))) {
		name, dir, found := strings.Cut(strings.TrimSpace(line), "\t")
		if !found {
			continue
		}
		if err := addLicence(&text, name, dir); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}

func addLicence(text *bytes.Buffer, name, dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "LICEN[CS]E*"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no file with its licence", name)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(text, "==== %s: %s\n\n%s\n", name, filepath.Base(file), strings.ReplaceAll(string(data), "\r\n", "\n"))
	}
	return nil
}
