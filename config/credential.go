package config

import (
	"os"
	"path/filepath"
	"strings"
)

// credentialPrefix marks a file that the service manager hands to the process: systemd's
// LoadCredential puts it in a folder that only the process can read.
const credentialPrefix = "credential:"

// credentialsVariable names that folder.
const credentialsVariable = "CREDENTIALS_DIRECTORY"

// resolveCredential puts the file of a credential in the place of its name.
func (c *checker) resolveCredential(f fileName) {
	id := strings.TrimPrefix(*f.name, credentialPrefix)
	if id == "" || strings.ContainsAny(id, `/\`) || strings.HasPrefix(id, ".") {
		c.fault(f.path, "%q names no credential: that is one word, the ID in LoadCredential=ID:FILE of the systemd unit", *f.name)
		return
	}
	folder := os.Getenv(credentialsVariable)
	if folder == "" {
		c.fault(f.path, "%q: there are no credentials ($%s is not set); start the process by systemd with LoadCredential=%s:FILE, or name a file", *f.name, credentialsVariable, id)
		return
	}
	*f.name = filepath.Join(folder, id)
	c.readable(f.path, *f.name)
}
