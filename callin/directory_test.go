package callin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"understudy/callin"
	"understudy/site"
)

const plenty = 1000

func names(list []callin.Desktop) []string {
	var out []string
	for _, d := range list {
		out = append(out, string(d.Machine))
	}
	slices.Sort(out)
	return out
}

// NEW-02: connectors learn every VDA's callback and lease from relayed registrations.
func TestLearn(t *testing.T) {
	d := callin.NewDirectory(plenty)
	d.Learn("d1", "http://d1", 11, 3)
	d.Learn("d2", "http://d2", 12, 3)
	if got := names(d.Below(4)); !slices.Equal(got, []string{"d1", "d2"}) {
		t.Errorf("got %v to invite for term 4", got)
	}
	d.Renew(11, 4)
	if got := names(d.Below(4)); !slices.Equal(got, []string{"d2"}) {
		t.Errorf("got %v once d1 was seen under term 4", got)
	}
	d.Forget(12)
	if got := d.Below(9); len(got) != 1 || got[0].Machine != "d1" || d.Callable() != 1 {
		t.Errorf("got %v, %d can be called, once d2 gave its lease back", got, d.Callable())
	}
	d.Learn("d2", "http://d2", 13, 2)
	if d.Term("d2") != 3 || d.Callable() != 2 {
		t.Errorf("got term %d, %d can be called", d.Term("d2"), d.Callable())
	}
}

// NEW-02: what is learned is bounded, in number and size.
func TestBounds(t *testing.T) {
	d := callin.NewDirectory(2)
	for i := range 5 {
		d.Learn(site.FQDN(fmt.Sprintf("d%d", i)), "http://d", uint64(i), 1)
	}
	d.Merge([]callin.Desktop{{Machine: "d9", Callback: "http://d9", Version: 99}})
	if d.Callable() != 2 {
		t.Errorf("got %d, want 2", d.Callable())
	}
	d.Learn("d0", "http://"+strings.Repeat("x", callin.MaxCallback), 77, 1)
	if got := d.Below(9); got[0].Callback != "http://d" {
		t.Errorf("a callback of %d bytes is kept", len(got[0].Callback))
	}
	if gone := d.Prune(func(m site.FQDN) bool { return m == "d1" }); !slices.Equal(gone, []site.FQDN{"d0"}) || d.Callable() != 1 {
		t.Errorf("pruned %v, %d are left", gone, d.Callable())
	}
}

// NEW-02: a lease of an outage is nothing that peers and the disk must hear of.
func TestServedIsQuiet(t *testing.T) {
	d := callin.NewDirectory(plenty)
	d.Learn("d1", "http://d1", 11, 3)
	head := d.Head()
	d.Serve("d1", "http://d1", 5)
	if d.Head() != head || d.Term("d1") != 5 {
		t.Errorf("head %d → %d, term %d", head, d.Head(), d.Term("d1"))
	}
	d.Serve("d1", "http://d1:2", 5)
	if d.Head() == head {
		t.Error("a new callback is not told of")
	}
}

// NEW-02: "share them with their peers": whatever each learns, in whatever order they
// read one another, in parts of any size, in the end all know the same.
func TestCopiesBecomeTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 3
		var all [n]*callin.Directory
		for i := range all {
			all[i] = callin.NewDirectory(plenty)
		}
		var read [n][n]uint64
		pull := func(to, from, limit int) bool {
			p := all[from].After(read[to][from], limit)
			all[to].Merge(p.Desktops)
			read[to][from] = p.To
			return p.More
		}
		lease := uint64(0)
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			at := rapid.IntRange(0, n-1).Draw(t, "at")
			switch rapid.SampledFrom([]string{"learn", "serve", "forget", "pull"}).Draw(t, "what") {
			case "learn":
				lease++
				m := site.FQDN(fmt.Sprint("d", rapid.IntRange(0, 5).Draw(t, "machine")))
				all[at].Learn(m, "http://"+string(m), lease, uint64(rapid.IntRange(1, 9).Draw(t, "term")))
			case "serve":
				m := site.FQDN(fmt.Sprint("d", rapid.IntRange(0, 5).Draw(t, "machine")))
				all[at].Serve(m, fmt.Sprint("http://", m, lease%3), 1)
			case "forget":
				all[at].Forget(uint64(rapid.IntRange(1, 60).Draw(t, "lease")))
			case "pull":
				pull(at, rapid.IntRange(0, n-1).Draw(t, "from"), rapid.IntRange(1, 3).Draw(t, "limit"))
			}
		}
		for range n {
			for to := range all {
				for from := range all {
					for to != from && pull(to, from, 2) {
					}
				}
			}
		}
		callbacks := func(d *callin.Directory) map[site.FQDN]string {
			out := map[site.FQDN]string{}
			for _, one := range d.After(0, plenty).Desktops {
				out[one.Machine] = one.Callback
			}
			return out
		}
		for i := 1; i < n; i++ {
			if diff := cmp.Diff(callbacks(all[0]), callbacks(all[i])); diff != "" {
				t.Fatalf("copy %d differs:\n%s", i, diff)
			}
		}
	})
}

// NEW-02: a copy that was read from the disk goes on where it was.
func TestVersionsGoOnAfterARestart(t *testing.T) {
	was := callin.NewDirectory(plenty)
	was.Learn("d1", "http://old", 9, 1)
	is := callin.NewDirectory(plenty)
	is.Merge(was.After(0, plenty).Desktops)
	is.Learn("d1", "http://new", 2, 1)
	if was.Merge(is.After(0, plenty).Desktops) != 1 || was.Below(9)[0].Callback != "http://new" {
		t.Errorf("got %v", was.Below(9))
	}
}
