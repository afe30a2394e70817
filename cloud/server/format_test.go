package server_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"understudy/cloud"
	"understudy/cloud/server"
	"understudy/datadir"
	"understudy/env"
)

// "An older one is migrated": the stores of earlier releases, killed while they
// served, are used with the site that is in them.
func TestStoresOfEarlierReleases(t *testing.T) {
	for _, release := range []string{"d22c306", "65ff0f8", "d918e59"} {
		t.Run(release, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "cloud")
			if err := os.CopyFS(data, os.DirFS(filepath.Join("..", "..", "testdata", "releases", release, "cloud"))); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time there is nothing to migrate
				o := options(t, data)
				o.Site = "e2e"
				s := startWith(t, o)
				holdsSite(t, s)
				s.stop()
			}
			stamp, err := datadir.ReadStamp(filepath.Join(data, "cloud.db"))
			if err != nil || stamp.Version != server.StoreSchema {
				t.Errorf("schema %d (%v), want %d", stamp.Version, err, server.StoreSchema)
			}
		})
	}
}

// holdsSite looks for the site, and for where records of outages are kept.
func holdsSite(t *testing.T, s running) {
	t.Helper()
	c, err := cloud.New(cloud.Options{Env: env.Real(), URL: "http://" + s.Addr().String(), Site: "e2e", Token: env.Always(adminSecret), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Site(t.Context())
	if err != nil || len(got.Site.Machines) != 3 || got.Version.Number != 1 {
		t.Errorf("got %+v (%v), want version 1 with three machines", got, err)
	}
	if _, err := c.Findings(t.Context(), 0, 10); err != nil {
		t.Error(err)
	}
}

// "A newer one is refused with a clear message and nothing is touched".
func TestNewerStoreIsRefused(t *testing.T) {
	data := t.TempDir()
	start(t, data).stop()
	path := filepath.Join(data, "cloud.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA user_version = %d", server.StoreSchema+1)); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := folderContent(t, data)
	_, err = server.New(options(t, data))
	newer, ok := errors.AsType[*datadir.NewerError](err)
	if !ok || newer.File != path || newer.Version != server.StoreSchema+1 || newer.Known != server.StoreSchema || newer.Remedy == "" {
		t.Errorf("error %v, want a refusal that names the file, both versions and a remedy", err)
	}
	if diff := cmp.Diff(before, folderContent(t, data)); diff != "" {
		t.Errorf("the folder is not as it was (-want +got):\n%s", diff)
	}
}

func folderContent(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all
}
