package localdb_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/callin"
	"understudy/site"
)

// NEW-02: what connectors know of desktops is "kept on disk".
func TestDesktopsAreKept(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	d1 := callin.Desktop{Machine: "d1", Callback: "http://d1", Lease: math.MaxUint64, Term: 3, Version: 2}
	d2 := callin.Desktop{Machine: "d2", Callback: "http://d2", Lease: 5, Term: 3, Version: 1}
	d3 := callin.Desktop{Machine: "d3", Version: 3}
	for _, list := range [][]callin.Desktop{{d1, d2}, {d3}} {
		if err := s.SaveDesktops(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	d1.Callback, d1.Version = "http://d1:2", 4
	if err := s.SaveDesktops(t.Context(), []callin.Desktop{d1}); err != nil {
		t.Fatal(err)
	}
	if err := s.DropDesktops(t.Context(), []site.FQDN{"d3", "d9"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := openState(t, dir).Desktops(t.Context())
	if diff := cmp.Diff([]callin.Desktop{d2, d1}, got); diff != "" || err != nil {
		t.Errorf("%v; want (-), got (+):\n%s", err, diff)
	}
}
