package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const maintainer = "Understudy maintainers <maintainers@understudy.invalid>"

// bundle lets nfpm make a package of the tree.
func (s *stage) bundle(format string) error {
	text, err := os.ReadFile("packaging/nfpm.yaml")
	if err != nil {
		return err
	}
	documents, err := s.rpmDocuments()
	if err != nil {
		return err
	}
	settings := filepath.Join(s.out, ".nfpm-"+s.arch+"-"+format+".yaml")
	defer func() { _ = os.Remove(settings) }()
	filled := strings.NewReplacer("@VERSION@", s.version, "@ARCH@", s.arch, "@TIME@", s.made.Format(time.RFC3339),
		"@RPMDOCS@", strings.ReplaceAll(documents, "@STAGE@", s.dir), "@STAGE@", s.dir, "@MAINTAINER@", maintainer).Replace(string(text))
	if err := os.WriteFile(settings, []byte(filled), 0o600); err != nil {
		return err
	}
	cmd := exec.Command("go", "tool", "-modfile=tools.mod", "nfpm", "package", "--config", settings, "--packager", format, "--target", s.out)
	cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", s.made.Unix()))
	return quietly(cmd)
}

// rpmDocuments are lines of nfpm's file that mark documents for rpm: for those it takes
// no patterns.
func (s *stage) rpmDocuments() (string, error) {
	var lines strings.Builder
	for _, folder := range []string{"usr/share/doc/understudy", "usr/share/man/man1"} {
		entries, err := os.ReadDir(filepath.Join(s.dir, folder))
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			fmt.Fprintf(&lines, "  - {src: \"@STAGE@/%[1]s/%[2]s\", dst: /%[1]s/%[2]s, type: doc, packager: rpm}\n", folder, e.Name())
		}
	}
	return lines.String(), nil
}
