package config

import (
	"path/filepath"
	"slices"
	"strings"

	"understudy/datadir"
)

// Exposed is a file with a secret that every user of the host may read, and the key
// that names it.
type Exposed struct{ Key, File string }

// secretKeys end the keys that name files with secrets in them.
var secretKeys = []string{"key_file", "keys_file", "token_file", "tokens_file", "password_file", "local_file"}

func exposed(names []fileName) []Exposed {
	var found []Exposed
	for _, f := range names {
		secret := slices.ContainsFunc(secretKeys, func(end string) bool { return strings.HasSuffix(f.path, end) })
		if secret && *f.name != "" && datadir.Exposed(*f.name) {
			file, err := filepath.Abs(*f.name)
			if err != nil {
				file = *f.name
			}
			found = append(found, Exposed{f.path, file})
		}
	}
	return found
}

// Exposed are the files with secrets that every user of the host may read.
func (f *Connector) Exposed() []Exposed { return exposed(f.files()) }

// Exposed are the files with secrets that every user of the host may read.
func (f *Cloud) Exposed() []Exposed { return exposed(f.files()) }

// Exposed are the files with secrets that every user of the host may read.
func (f *Desktop) Exposed() []Exposed { return exposed(f.files()) }
