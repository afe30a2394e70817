package desktop_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"understudy/datadir"
	"understudy/desktop"
	"understudy/wire"
)

// LHC-25: what a host remembers outlives an upgrade: the files of earlier releases
// hold the owner, the used mark, the term and the session of an outage.
func TestStatesOfEarlierReleases(t *testing.T) {
	for _, release := range []string{"d22c306", "65ff0f8", "d918e59"} {
		s, err := desktop.Store{Dir: filepath.Join("..", "testdata", "releases", release, "desktop")}.Load("ws002.example.test")
		if err != nil {
			t.Errorf("%s: %v", release, err)
			continue
		}
		if s.AssignedUser != "bob" || !s.Used || s.Term != 4 || len(s.Sessions) != 1 || s.Sessions[0].State != wire.Active {
			t.Errorf("%s: got %+v, want bob's desktop", release, s)
		}
	}
}

// "A newer one is refused with a clear message and nothing is touched".
func TestNewerStateIsRefused(t *testing.T) {
	o := options(t)
	state := `{"later":true}`
	sum := sha256.Sum256([]byte(state))
	file := filepath.Join(o.Data, "desktop.json")
	content := fmt.Sprintf(`{"format":%d,"sha256":%q,"state":%s}`, desktop.StateFormat+1, hex.EncodeToString(sum[:]), state)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := desktop.New(o)
	newer, ok := errors.AsType[*datadir.NewerError](err)
	if !ok || newer.File != file || newer.Version != desktop.StateFormat+1 || newer.Known != desktop.StateFormat || newer.Remedy == "" {
		t.Errorf("error %v, want a refusal that names the file, both versions and a remedy", err)
	}
	got, err := os.ReadFile(file)
	entries, _ := os.ReadDir(o.Data)
	if err != nil || string(got) != content || len(entries) != 1 {
		t.Errorf("the folder holds %v, and the file %q (%v); want it untouched", entries, got, err)
	}
}
