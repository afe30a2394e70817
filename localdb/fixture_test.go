package localdb_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

func version(n uint64) site.Version { return site.Version{History: "20260101T000000Z-abcd", Number: n} }

func stream(t testing.TB, s *site.Site, v site.Version) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wire.WriteConfig(&b, s, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func reader(t testing.TB, s *site.Site, v site.Version) *wire.ConfigReader {
	t.Helper()
	r, err := wire.NewConfigReader(bytes.NewReader(stream(t, s, v)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// open opens a folder and closes it when the test ends.
func open(t testing.TB, dir string) (*localdb.Snapshots, []localdb.Finding) {
	t.Helper()
	s, findings, err := localdb.OpenSnapshots(dir, env.Real())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s, findings
}

func shut(t testing.TB, s *localdb.Snapshots) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func build(t testing.TB, s *localdb.Snapshots, v site.Version) *localdb.Built {
	t.Helper()
	b, err := s.Build(t.Context(), reader(t, siteOf(v), v), "test")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// siteOf is a small site that differs from version to version.
func siteOf(v site.Version) *site.Site { return site.Generate(20+int(v.Number), 10, v.Number) }

func install(t testing.TB, s *localdb.Snapshots, v site.Version) {
	t.Helper()
	if err := s.Swap(build(t, s, v)); err != nil {
		t.Fatal(err)
	}
}

// current is the version in use, and whether its index holds that version's site.
func current(t testing.TB, s *localdb.Snapshots) site.Version {
	t.Helper()
	c, ok := s.Current()
	if !ok {
		return site.Version{}
	}
	defer c.Release()
	if got, want := wire.Digest(c.Index.Site()), wire.Digest(siteOf(c.Version)); got != want {
		t.Fatalf("version %s holds content %s, want %s", c.Version, got, want)
	}
	return c.Version
}

// files lists the names in a folder that begin so.
func files(t testing.TB, dir, prefix string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			names = append(names, e.Name())
		}
	}
	return names
}

// fileOf is the path of the file that holds a version.
func fileOf(t testing.TB, dir string, v site.Version) string {
	t.Helper()
	stem := "site-" + strings.ReplaceAll(v.String(), "-abcd-", "_abcd-") + "-"
	names := files(t, dir, stem)
	if len(names) != 1 {
		t.Fatalf("files of version %s: %v, want one", v, names)
	}
	return filepath.Join(dir, names[0])
}

func writeFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
