package localdb_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/site"
	"understudy/wire"
)

// LHC-02: a connector that was upgraded goes on with the snapshot that the older
// version made, for the cloud broker may be away just then.
func TestSnapshotOfAnOlderSchema(t *testing.T) {
	old := unpacked(t, filepath.Join("testdata", "schema1.db.gz"))
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "site-20260101T000000Z_abcd-1-old.db"), old)
	s, findings := open(t, dir)
	c, ok := s.Current()
	if !ok {
		t.Fatalf("there is no snapshot: %v", findings)
	}
	defer c.Release()
	want := []site.Connector{
		{FQDN: "cc01.example.test", Zone: "berlin", ClientURL: "https://cc01.example.test:7480", PeerURL: "https://cc01.example.test:7489", FailureDomain: "rack-a"},
		{FQDN: "cc02.example.test", Zone: "berlin", ClientURL: "https://cc02.example.test:7480", PeerURL: "https://cc02.example.test:7489"},
	}
	if diff := cmp.Diff(want, c.Index.Connectors("berlin")); diff != "" {
		t.Errorf("connectors (-want +got):\n%s", diff)
	}
	if got, want := c.Digest, wire.Digest(c.Index.Site()); got != want || c.Version != version(1) {
		t.Errorf("version %s with digest %s, want 1 with %s", c.Version, got, want)
	}
}

func unpacked(t testing.TB, file string) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(readFile(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
