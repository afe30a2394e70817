package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"understudy/site"
	"understudy/wire"
)

// LoadSite reads and validates a site.
func LoadSite(file string) (*site.Site, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the site: %w", err)
	}
	return ParseSite(file, data)
}

// ParseSite is LoadSite for what has been read already; the name is for faults.
func ParseSite(name string, data []byte) (*site.Site, error) {
	s := &site.Site{}
	d := decode(data, s)
	if len(d.faults) > 0 {
		return nil, fileError(name, d.faults)
	}
	for _, f := range s.Validate() {
		d.at(f.Path, f.Text)
	}
	if err := fileError(name, d.faults); err != nil {
		return nil, err
	}
	return s, nil
}

// at adds a fault of the content, with the line of its path.
func (d *decoder) at(path, text string) {
	d.faults = append(d.faults, Fault{Line: d.lineAt(path), Path: wire.Clip(path), Text: wire.Clip(text)})
}

// settings is a file of a process.
type settings interface {
	// setDefaults fills in what the file does not say.
	setDefaults()
	// files are the names in it that are relative to the file's folder; those that
	// must exist already are marked.
	files() []fileName
	check(c *checker)
}

type fileName struct {
	path  string // of the key
	name  *string
	exist bool
}

func load(file string, s settings) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the configuration: %w", err)
	}
	d := decode(data, s)
	s.setDefaults()
	if !d.unreadable() {
		c := &checker{d: d, wrong: d.wrongPaths()}
		s.check(c)
		c.resolveFiles(filepath.Dir(file), s.files())
	}
	return fileError(file, d.faults)
}

// unreadable reports a file of which nothing was read.
func (d *decoder) unreadable() bool {
	for _, f := range d.faults {
		if f.Path == "" {
			return true
		}
	}
	return false
}

func (d *decoder) wrongPaths() []string {
	var paths []string
	for _, f := range d.faults {
		paths = append(paths, f.Path)
	}
	return paths
}

// checker gathers the faults of values. A key whose value could not be read is
// not complained about a second time.
type checker struct {
	d     *decoder
	wrong []string
}

func (c *checker) fault(path, format string, args ...any) {
	for _, w := range c.wrong {
		if w == path || strings.HasPrefix(w, path+".") || strings.HasPrefix(path, w+".") || strings.HasPrefix(w, path+"[") {
			return
		}
	}
	c.d.at(path, fmt.Sprintf(format, args...))
}

func (c *checker) need(path, value string) {
	if value == "" {
		c.fault(path, "is missing")
	}
}

func (c *checker) resolveFiles(folder string, names []fileName) {
	for _, f := range names {
		if *f.name == "" {
			continue
		}
		if f.exist && strings.HasPrefix(*f.name, credentialPrefix) {
			c.resolveCredential(f)
			continue
		}
		*f.name = inFolder(folder, *f.name)
		if f.exist {
			c.readable(f.path, *f.name)
		}
	}
}

// inFolder makes a path that is relative to the folder one of its own.
func inFolder(folder, name string) string {
	if socket, ok := strings.CutPrefix(name, unixPrefix); ok {
		return unixPrefix + inFolder(folder, socket)
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

func (c *checker) atLeast(path string, d site.Duration, least time.Duration) {
	if d.D() < least {
		c.fault(path, "%s is less than %s", d, least)
	}
}

func (c *checker) readable(path, name string) {
	file, err := os.Open(name)
	if err != nil {
		c.fault(path, "%v", err)
		return
	}
	_ = file.Close()
}
