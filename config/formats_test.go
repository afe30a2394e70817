package config_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/cloud/server"
	"understudy/config"
	"understudy/desktop"
	"understudy/localdb"
	"understudy/pki"
	"understudy/wire"
)

// "Configuration and on-disk formats carry versions": docs/upgrade.md lists them as the
// code has them.
func TestFormatsAreListed(t *testing.T) {
	page, err := os.ReadFile("../docs/upgrade.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([^|]+) \| [^|]+ \| ([0-9.]+) \|`).FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = m[2]
	}
	want := map[string]string{
		"state database": fmt.Sprint(localdb.StateSchema), "snapshot": fmt.Sprint(localdb.SnapshotSchema), "names of the snapshots": fmt.Sprint(localdb.CurrentFormat),
		"store": fmt.Sprint(server.StoreSchema), "state of a desktop": fmt.Sprint(desktop.StateFormat), "files of settings, the site's file": fmt.Sprint(config.FileVersion),
		"configuration stream": wire.ConfigSchema, "peer channel": wire.PeerProtocol, "mirroring": fmt.Sprint(wire.MirrorProtocol), "registration API": wire.VDAProtocol, "ledger of the authority": fmt.Sprint(pki.LedgerVersion),
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("docs/upgrade.md (-code +page):\n%s", diff)
	}
}
