//go:build linux

package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/trust"
	"understudy/wire"
)

// careless starts a process of the cast under a umask that takes nothing away.
func (c *cast) careless(name, kind, file string) *process {
	c.t.Helper()
	return start(c.t, command{Name: name, Path: "sh", Dir: c.dir, Args: []string{"-c", `umask 0; exec "$0" "$@"`, binary(c.t), kind, "--config", file}})
}

// "Snapshots and journal are readable by the service account only": of each process, under
// any umask, through an outage; also what was there before with wider modes. A key that
// everybody on the host may read is named.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	c := castOf(t, 2, "cc01")
	first := c.players[0]
	for _, dir := range []string{c.dir, filepath.Dir(c.dir)} {
		must(t, os.Chmod(dir, 0o711)) //nolint:gosec // others are to reach the key
	}
	c.write("front.key", "gateway "+trust.HashOf("a-key-that-a-gateway-shows").String()+"\n")
	must(t, os.Chmod(filepath.Join(c.dir, "front.key"), 0o644))
	c.more = "storefront_keys_file: front.key\nlog: {file: cc01.log}\n"
	must(t, os.Mkdir(first.data, 0o700))
	must(t, os.WriteFile(filepath.Join(first.data, "LOCK"), []byte("4711\n"), 0o600)) // a connector has been here
	token := filepath.Join(first.data, "admin.token")
	must(t, os.WriteFile(token, []byte("a-token-of-an-earlier-version\n"), 0o600))
	for path, mode := range map[string]fs.FileMode{first.data: 0o777, token: 0o644} {
		must(t, os.Chmod(path, mode))
	}
	c.cloud = c.careless("cloud", "cloud", "cloud.yaml")
	c.publish()
	c.write("cc01.yaml", c.connectorFile(first))
	first.process = c.careless("cc01", "connector", "cc01.yaml")
	c.host = c.careless("desktops", "desktop", "desktops.yaml")
	first.Shows(act, "the site", func(s wire.Status) error {
		if s.Snapshot == nil {
			return os.ErrNotExist
		}
		return nil
	})
	c.allThere()
	files := 0
	for _, dir := range []string{first.data, filepath.Join(c.dir, "cloud"), filepath.Join(c.dir, c.hostData)} {
		must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			files++
			return nil
		}))
	}
	if files < 10 {
		t.Errorf("there are only %d files", files)
	}
	if info, err := os.Stat(filepath.Join(c.dir, "cc01.log")); err != nil || info.Mode()&0o077 != 0 {
		t.Errorf("the log: %v, %v", info, err)
	}
	told, err := os.ReadFile(filepath.Join(c.dir, "cc01.log"))
	must(t, err)
	for _, file := range []string{first.data, token, filepath.Join(c.dir, "front.key")} {
		if !strings.Contains(string(told), `"event":"secret_exposed","file":"`+file+`"`) {
			t.Errorf("nothing is told of %s", file)
		}
	}
}
