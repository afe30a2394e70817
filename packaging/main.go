// Command packaging builds what is released: Debian and RPM packages, archives, the
// parts list of each binary (SBOM) and the checksums of all. The same source gives the
// same bytes, in whatever folder and whenever: times come from the commit. It is no part
// of the product; `make packages` calls it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packaging:", err)
		os.Exit(1)
	}
}

// release is what is built.
type release struct {
	version string
	made    time.Time // of the commit
	out     string
	formats []string
}

func run(args []string) error {
	var r release
	flags := flag.NewFlagSet("packaging", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "the version; made of the commit and its day where it is left out")
	flags.StringVar(&r.out, "out", "bin/packages", "the folder for what is built")
	arches := flags.String("arch", "amd64,arm64", "the architectures")
	formats := flags.String("format", "deb,rpm,tar", "the formats")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r.formats = strings.Split(*formats, ",")
	if err := r.settle(); err != nil {
		return err
	}
	return r.build(strings.Split(*arches, ","))
}

// settle finds the time and the version.
func (r *release) settle() error {
	seconds, err := epoch()
	if err != nil {
		return err
	}
	r.made = time.Unix(seconds, 0).UTC()
	if r.version == "" {
		commit, err := git("log", "-1", "--format=%h", "--abbrev=12")
		if err != nil {
			return errors.Join(errors.New("no commit to name the version after: give -version"), err)
		}
		r.version = "0.0~" + r.made.Format("20060102.150405") + "." + commit
	}
	if r.out, err = filepath.Abs(r.out); err != nil {
		return err
	}
	return os.MkdirAll(r.out, 0o755)
}

// epoch is the time of everything that is built.
func epoch() (int64, error) {
	said := os.Getenv("SOURCE_DATE_EPOCH")
	if said == "" {
		var err error
		if said, err = git("log", "-1", "--format=%ct"); err != nil {
			return 0, errors.Join(errors.New("no commit to take the time from: set SOURCE_DATE_EPOCH"), err)
		}
	}
	seconds, err := strconv.ParseInt(said, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("SOURCE_DATE_EPOCH is no number of seconds: %w", err)
	}
	return seconds, nil
}

func git(args ...string) (string, error) {
	out, err := exec.Command("git", args...).Output()
	return strings.TrimSpace(string(out)), err
}

// build builds for each architecture, and sums up.
func (r *release) build(arches []string) error {
	for _, arch := range arches {
		s := &stage{release: r, arch: arch, dir: filepath.Join(r.out, ".stage-"+arch)}
		if err := s.make(); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
	}
	return writeSums(r.out)
}
