package config

import (
	"slices"
	"strings"
)

// NamedFile is a file that a configuration names.
type NamedFile struct {
	// Key is where it is named.
	Key  string
	Path string
	// Secret says that only the process's own account may read it.
	Secret bool
	// Later says that it need not exist yet: the process gets it from an authority, or
	// needs it for that alone.
	Later bool
}

// NamedFiles are those that the configuration names and that must exist, or will.
func (f *Connector) NamedFiles() []NamedFile { return named(f.files()) }

// NamedFiles are those that the configuration names and that must exist, or will.
func (f *Cloud) NamedFiles() []NamedFile { return named(f.files()) }

// NamedFiles are those that the configuration names and that must exist, or will.
func (f *Desktop) NamedFiles() []NamedFile { return named(f.files()) }

func named(names []fileName) []NamedFile {
	var out []NamedFile
	for _, n := range names {
		later := !n.exist && (strings.HasPrefix(n.path, "tls.") || n.path == "pki.token_file")
		if (n.exist || later) && *n.name != "" {
			out = append(out, NamedFile{Key: n.path, Path: *n.name, Secret: secret(n.path), Later: later})
		}
	}
	return out
}

// open are the ends of keys whose files hold nothing that others may not read.
var open = []string{"cert_file", "ca_file", "[0]"}

// secret: a key that nobody thought of is taken for one of a secret.
func secret(key string) bool {
	return !slices.ContainsFunc(open, func(end string) bool { return strings.HasSuffix(key, end) })
}
