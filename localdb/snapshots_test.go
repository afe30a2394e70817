package localdb_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// LHC-02: what is read back from a snapshot is the site that was published.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	rapid.Check(t, func(r *rapid.T) {
		want := site.Generate(rapid.IntRange(0, 120).Draw(r, "machines"), rapid.IntRange(0, 60).Draw(r, "users"), rapid.Uint64().Draw(r, "seed"))
		want.ReuseInOutage = rapid.Bool().Draw(r, "reuse")
		want.Zones[0].Settings = site.Settings{Deadline: site.Duration(rapid.Int64Range(2e8, 1e10).Draw(r, "deadline")), Participation: site.Always}
		standby := want.Connectors[len(want.Connectors)-1]
		standby.FQDN, standby.PeerURL, standby.Standby = "standby.example.test", "https://standby.example.test:7489", true
		want.Connectors = append(want.Connectors, standby)
		for i := range want.Machines {
			want.Machines[i].Maintenance = i%3 == 0
			want.Machines[i].Weight = i % 7 * 10
		}
		b, err := s.Build(t.Context(), reader(t, want, version(1)), "test")
		if err != nil {
			r.Fatal(err)
		}
		if err := s.Swap(b); err != nil {
			r.Fatal(err)
		}
		c, _ := s.Current()
		defer c.Release()
		sent, _, err := wire.ReadConfig(bytes.NewReader(stream(t, want, version(1))))
		if err != nil {
			r.Fatal(err)
		}
		if diff := cmp.Diff(sent, c.Index.Site()); diff != "" {
			r.Errorf("the site read back differs (-sent +read):\n%s", diff)
		}
		if got, want := c.Digest, wire.Digest(want); got != want {
			r.Errorf("digest %s, want %s", got, want)
		}
		counts, err := c.Counts(t.Context())
		if diff := cmp.Diff(wire.ConfigCounts(want), counts); diff != "" || err != nil {
			r.Errorf("counts of the file differ: %v %s", err, diff)
		}
	})
}

// A peer that is behind gets the same configuration again.
func TestStream(t *testing.T) {
	s, _ := open(t, t.TempDir())
	install(t, s, version(3))
	c, _ := s.Current()
	defer c.Release()
	var b bytes.Buffer
	if err := c.Stream(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	got, header, err := wire.ReadConfig(&b)
	if err != nil {
		t.Fatal(err)
	}
	if header.Version != version(3) || wire.Digest(got) != c.Digest {
		t.Errorf("the stream holds %s with %s", header.Version, wire.Digest(got))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Stream(ended, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("a stream to nobody: %v, want that it was cancelled", err)
	}
}

func TestGenerationsAreKept(t *testing.T) {
	dir := t.TempDir()
	s, findings := open(t, dir)
	if _, ok := s.Current(); ok || len(findings) != 0 {
		t.Fatalf("an empty folder has a snapshot or findings: %v", findings)
	}
	for n := range uint64(4) {
		install(t, s, version(n+1))
	}
	if got := files(t, dir, "site-"); len(got) != 2 {
		t.Errorf("files %v, want the two newest generations", got)
	}
	list := s.List()
	if len(list) != 2 || list[0].State != "current" || list[0].Version != version(4) || list[1].State != "previous" || list[1].Version != version(3) {
		t.Errorf("list %+v, want versions 4 and 3", list)
	}
	if list[0].Size == 0 || list[0].Counts["machines"] != 24 || list[0].Imported.IsZero() || list[0].Age < 0 {
		t.Errorf("status %+v lacks something", list[0])
	}
	shut(t, s)
	again, findings := open(t, dir)
	if got := current(t, again); got != version(4) || len(findings) != 0 {
		t.Errorf("after a restart %s with findings %v, want 4 and none", got, findings)
	}
	if list := again.List(); len(list) != 2 || list[1].Version != version(3) {
		t.Errorf("list after a restart %+v", list)
	}
}

func TestFilesArePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Fatalf("%v %v, want CURRENT and one snapshot", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", e.Name(), info.Mode(), err)
		}
	}
}

// The version comes over the network and ends in a file name.
func TestHostileHistoryStaysInTheFolder(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	v := site.Version{History: "../../" + strings.Repeat("x", 300) + "\x00", Number: 1}
	b, err := s.Build(t.Context(), reader(t, siteOf(version(1)), v), "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Swap(b); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir, "site-______xxx"); len(got) != 1 {
		t.Errorf("files %v", files(t, dir, ""))
	}
	shut(t, s)
	again, findings := open(t, dir)
	if c, ok := again.Current(); !ok || c.Version != v {
		t.Errorf("after a restart: %v %v", ok, findings)
	}
	shut(t, again)
}

// Issue 4: a connector with a site of 100,000 machines takes no more than 150 MB. The site of
// the generation before is not in memory; of it only the file and its description are kept.
func TestGenerationBeforeIsForgotten(t *testing.T) {
	s := start(t, t.TempDir(), site.Generate(40, 20, 1))
	older, now := weakly(s), site.Generate(40, 20, 1)
	now.Machines[3].Maintenance = true
	b, err := s.BuildDelta(t.Context(), deltaOf(t, site.Generate(40, 20, 1), now, version(1), version(2)), "test")
	if err == nil {
		err = s.Swap(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	between := weakly(s)
	runtime.GC()
	if older.Value() != nil {
		t.Error("the first generation is still in memory")
	}
	install(t, s, version(3))
	runtime.GC()
	if between.Value() != nil {
		t.Error("the second generation is still in memory")
	}
	if list := s.List(); len(list) != 2 || list[1].Version != version(2) {
		t.Errorf("list %+v", list)
	}
}

func weakly(s *localdb.Snapshots) weak.Pointer[site.Index] {
	c, _ := s.Current()
	defer c.Release()
	return weak.Make(c.Index)
}

// The same content may be imported again, also while its file is open.
func TestSameVersionAgain(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	held, _ := s.Current()
	install(t, s, version(1))
	install(t, s, version(1))
	if got := current(t, s); got != version(1) {
		t.Errorf("current %s, want 1", got)
	}
	if got := files(t, dir, "site-"); len(got) != 3 {
		t.Errorf("files %v, want the two generations and the one that is read", got)
	}
	held.Release()
	if got := files(t, dir, "site-"); len(got) != 2 {
		t.Errorf("files %v, want the two generations", got)
	}
}

// What is wrong in the stream or the site changes nothing.
func TestBuildRefuses(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	whole := stream(t, siteOf(version(2)), version(2))
	empty := siteOf(version(2))
	empty.Connectors = nil
	cases := map[string]struct {
		stream []byte
		want   string
	}{
		"truncated in the middle": {whole[:len(whole)/2], "unexpected EOF"},
		"without its last byte":   {whole[:len(whole)-1], "unexpected EOF"},
		"no connector at all":     {stream(t, empty, version(2)), "connectors: is empty"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r, err := wire.NewConfigReader(bytes.NewReader(c.stream))
			if err == nil {
				_, err = s.Build(t.Context(), r, "test")
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if got := current(t, s); got != version(1) {
				t.Errorf("current %s, want 1 still", got)
			}
			if got := files(t, dir, "building-"); len(got) != 0 {
				t.Errorf("scratch files %v are left", got)
			}
		})
	}
}

// A bad byte anywhere in the stream is noticed, in whatever way.
func TestBuildRefusesDamagedStreams(t *testing.T) {
	s, _ := open(t, t.TempDir())
	whole := stream(t, siteOf(version(2)), version(2))
	for i := range whole {
		if i%17 != 0 && i > 64 {
			continue
		}
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x41
		r, err := wire.NewConfigReader(bytes.NewReader(damaged))
		if err == nil {
			var b *localdb.Built
			if b, err = s.Build(t.Context(), r, "test"); err == nil && b.Digest() != wire.Digest(siteOf(version(2))) {
				t.Errorf("byte %d of %d damaged: other content was built", i, len(whole))
			}
		}
	}
}

func TestBuildEndsWithItsContext(t *testing.T) {
	s, _ := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Build(ctx, reader(t, siteOf(version(1)), version(1)), "test"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
}

func TestSwapTakesOnce(t *testing.T) {
	s, _ := open(t, t.TempDir())
	b := build(t, s, version(1))
	if err := s.Swap(b); err != nil {
		t.Fatal(err)
	}
	b.Discard()
	if err := s.Swap(b); err == nil {
		t.Error("the same snapshot was swapped twice")
	}
	discarded := build(t, s, version(2))
	discarded.Discard()
	if err := s.Swap(discarded); err == nil {
		t.Error("a discarded snapshot was swapped")
	}
	if got := current(t, s); got != version(1) {
		t.Errorf("current %s, want 1", got)
	}
	shut(t, s)
	if err := s.Swap(build(t, s, version(3))); !errors.Is(err, localdb.ErrClosed) {
		t.Errorf("a swap after Close: %v", err)
	}
}

// Readers see one whole generation or another, never a mixture, and what they
// hold stays open until they release it.
func TestSwapUnderReaders(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, ok := s.Current()
				if !ok {
					t.Error("there is no snapshot during a swap")
					return
				}
				counts, err := c.Counts(t.Context())
				if want := 20 + int(c.Version.Number); err != nil || counts["machines"] != want || len(c.Index.Site().Machines) != want {
					t.Errorf("version %s: %d machines in the file, %d in the index, want %d (%v)",
						c.Version, counts["machines"], len(c.Index.Site().Machines), want, err)
				}
				c.Release()
			}
		})
	}
	for n := range uint64(25) {
		install(t, s, version(n+2))
	}
	close(stop)
	readers.Wait()
	install(t, s, version(100))
	if got := files(t, dir, "site-"); len(got) != 2 {
		t.Errorf("files %v, want two generations after the readers left", got)
	}
}

// Design 5: a generation that nothing uses any more is closed and removed, also after
// somebody wanted the one before it when there was none.
func TestNoPreviousHoldsNothing(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	if _, err := s.OpenPrevious(t.Context()); !errors.Is(err, localdb.ErrNoPrevious) {
		t.Errorf("going back from the first version: %v", err)
	}
	if _, err := s.Compare(t.Context()); !errors.Is(err, localdb.ErrNoPrevious) {
		t.Errorf("comparing the first version: %v", err)
	}
	install(t, s, version(2))
	install(t, s, version(3))
	if got := files(t, dir, "site-"); len(got) != 2 {
		t.Errorf("files %v, want the two newest generations", got)
	}
}

// NEW-04, NEW-06: records that only the newest generation contains are not safe, because
// a roll-back goes to one that lacks them; this holds over restarts too.
func TestContainedInEveryGeneration(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	take := func(v site.Version, contained ...wire.ContainedRecord) {
		t.Helper()
		var b bytes.Buffer
		must(wire.WriteConfig(&b, siteOf(v), v, contained...))
		r, err := wire.NewConfigReader(&b)
		must(err)
		built, err := s.Build(t.Context(), r, "test")
		must(err)
		must(s.Swap(built))
	}
	has := func(when string, want ...wire.ContainedRecord) {
		t.Helper()
		if diff := cmp.Diff(want, s.Contained()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	up := func(journal string, to uint64) wire.ContainedRecord {
		return wire.ContainedRecord{Origin: "cc1.example", Journal: journal, Sequence: to}
	}
	has("no generation")
	take(version(1), up("j1", 4), up("j2", 7))
	has("the first generation", up("j1", 4), up("j2", 7))
	take(version(2), up("j1", 9), up("j2", 7), up("j3", 1))
	has("the second generation", up("j1", 4), up("j2", 7))
	shut(t, s)
	s, _ = open(t, dir)
	has("after a restart", up("j1", 4), up("j2", 7))
	older, err := s.OpenPrevious(t.Context())
	must(err)
	must(s.Restore(older))
	has("after a roll-back", up("j1", 4), up("j2", 7))
	take(version(3), up("j1", 10))
	take(version(4), up("j1", 10))
	has("two later", up("j1", 10))
}
