package localdb_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// deltaOf is the stream of what changed.
func deltaOf(t testing.TB, from, to *site.Site, base, v site.Version) *wire.ConfigReader {
	t.Helper()
	return cutDelta(t, from, to, base, v, 0)
}

// cutDelta is that without so many bytes at the end.
func cutDelta(t testing.TB, from, to *site.Site, base, v site.Version, lost int) *wire.ConfigReader {
	t.Helper()
	var b bytes.Buffer
	d := wire.Delta{Base: base, Version: v, Digest: wire.Digest(to), Changes: wire.Changes(from, to)}
	if err := wire.WriteDelta(&b, d, to); err != nil {
		t.Fatal(err)
	}
	b.Truncate(b.Len() - lost)
	r, err := wire.NewConfigReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// changed is a valid site with that part of its machines changed, some gone and some
// new.
func changed(from *site.Site, r *rand.Rand, share int) *site.Site {
	to := *from
	to.ReuseInOutage = !from.ReuseInOutage
	to.Machines = slices.DeleteFunc(slices.Clone(from.Machines), func(site.Machine) bool { return r.IntN(4*share) == 0 })
	to.Users = slices.Clone(from.Users)
	to.Groups = slices.Clone(from.Groups)
	for i := range to.Machines {
		if r.IntN(share) == 0 {
			to.Machines[i].Maintenance = !to.Machines[i].Maintenance
		}
	}
	for i := range to.Users {
		if r.IntN(share) == 0 {
			to.Users[i].Groups = append(slices.Clip(to.Users[i].Groups), fmt.Sprintf("group%d", r.Uint64()))
		}
	}
	for range len(from.Machines) / 4 / share {
		m := from.Machines[r.IntN(len(from.Machines))]
		m.Name = site.FQDN(fmt.Sprintf("n%d.example.test", r.Uint64()))
		m.AssignedUser = ""
		to.Machines = append(to.Machines, m)
	}
	return &to
}

// start opens a folder with a site in use.
func start(t testing.TB, dir string, s *site.Site) *localdb.Snapshots {
	t.Helper()
	snapshots, _ := open(t, dir)
	b, err := snapshots.Build(t.Context(), reader(t, s, version(1)), "test")
	if err == nil {
		err = snapshots.Swap(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return snapshots
}

// NEW-06, LHC-02: a delta leads to the same snapshot as the whole configuration, and
// its file is found good at the next start.
func TestDeltaIsTheSame(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		now := site.Generate(40, 20, 1)
		s := start(t, dir, now)
		for n := range uint64(3) {
			next := changed(now, r, 1+r.IntN(8))
			b, err := s.BuildDelta(t.Context(), deltaOf(t, now, next, version(n+1), version(n+2)), "test")
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Swap(b); err != nil {
				t.Fatal(err)
			}
			now = next
			expectSite(t, s, now, version(n+2))
		}
		shut(t, s)
		again, findings := open(t, dir)
		if len(findings) > 0 {
			t.Fatalf("seed %d: findings %v", seed, findings)
		}
		expectSite(t, again, now, version(4))
		shut(t, again)
	}
}

func expectSite(t testing.TB, s *localdb.Snapshots, want *site.Site, v site.Version) {
	t.Helper()
	c, ok := s.Current()
	if !ok {
		t.Fatal("there is no snapshot")
	}
	defer c.Release()
	less := func(a, b site.Machine) bool { return a.Name < b.Name }
	got := c.Index.Site()
	if diff := cmp.Diff(want.Machines, got.Machines, cmpopts.SortSlices(less)); diff != "" || c.Version != v {
		t.Fatalf("version %s, machines (-want +got):\n%s", c.Version, diff)
	}
	if wire.Digest(got) != wire.Digest(want) || c.Digest != wire.Digest(want) {
		t.Fatal("the content is another one")
	}
	if counts, err := c.Counts(t.Context()); err != nil || counts["machines"] != len(want.Machines) {
		t.Fatalf("counts %v, %v", counts, err)
	}
}

// Whatever is wrong with a delta, nothing changes.
func TestDeltaRefuses(t *testing.T) {
	now, next := site.Generate(40, 20, 1), site.Generate(40, 20, 1)
	next.Machines[3].Maintenance = true
	other, elsewhere := site.Generate(40, 20, 1), site.Generate(40, 20, 1)
	other.Machines[9].Maintenance, elsewhere.Machines[9].Maintenance = true, true
	elsewhere.Machines[3].Maintenance = true
	noConnector := site.Generate(40, 20, 1)
	noConnector.Connectors = nil
	long := site.Generate(40, 20, 1) // so long that its header can be read before its end
	for i := range long.Users {
		for n := range 2000 {
			long.Users[i].Groups = append(long.Users[i].Groups, fmt.Sprintf("group %d of %d", n, i))
		}
	}
	dir := t.TempDir()
	s := start(t, dir, now)
	cases := map[string]struct {
		r    *wire.ConfigReader
		want string
	}{
		"from another version":   {deltaOf(t, now, next, version(7), version(8)), "is in use"},
		"to an older version":    {deltaOf(t, now, next, version(1), version(1)), "is in use"},
		"from another content":   {deltaOf(t, other, elsewhere, version(1), version(2)), "digest"},
		"to what cannot be used": {deltaOf(t, now, noConnector, version(1), version(2)), "connectors: is empty"},
		"cut":                    {cutDelta(t, now, long, version(1), version(2), 1), "unexpected EOF"},
		"a whole site":           {reader(t, next, version(2)), "none that can be applied"},
	}
	for name, c := range cases {
		_, err := s.BuildDelta(t.Context(), c.r, "test")
		if err == nil || name != "a whole site" && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	expectSite(t, s, now, version(1))
	if got := files(t, dir, "building-"); len(got) != 0 {
		t.Errorf("scratch files %v are left", got)
	}
}

// LHC-02: nothing is taken from a file that was damaged or lost under us: the delta is
// refused, wherever the damage is, and the whole configuration mends it.
func TestDeltaOfADamagedFile(t *testing.T) {
	now, next := site.Generate(40, 20, 1), site.Generate(40, 20, 1)
	next.Machines[3].Maintenance = true
	for _, damage := range []struct {
		name string
		do   func(whole []byte) []byte
	}{
		{"a bit in the middle", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }},
		{"the last byte", func(b []byte) []byte { b[len(b)-1] ^= 0x80; return b }},
		{"the head", func(b []byte) []byte { clear(b[:100]); return b }},
		{"cut", func(b []byte) []byte { return b[:len(b)-16384] }},
		{"longer", func(b []byte) []byte { return append(b, 0) }},
		{"empty", func([]byte) []byte { return nil }},
		{"gone", nil},
	} {
		t.Run(damage.name, func(t *testing.T) {
			dir := t.TempDir()
			s := start(t, dir, now)
			path := fileOf(t, dir, version(1))
			if damage.do == nil && runtime.GOOS == "windows" {
				t.Skip("Windows removes no file that is open")
			}
			if damage.do != nil {
				writeFile(t, path, damage.do(readFile(t, path)))
			} else if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			_, err := s.BuildDelta(t.Context(), deltaOf(t, now, next, version(1), version(2)), "test")
			if err == nil || !strings.Contains(err.Error(), filepath.Base(path)) {
				t.Errorf("a delta was applied to it (%v)", err)
			}
			if got := files(t, dir, "building-"); len(got) != 0 {
				t.Errorf("scratch files %v are left", got)
			}
			b, err := s.Build(t.Context(), reader(t, next, version(2)), "test")
			if err == nil {
				err = s.Swap(b)
			}
			if err != nil {
				t.Fatal(err)
			}
			expectSite(t, s, next, version(2))
			shut(t, s)
			again, findings := open(t, dir)
			if expectSite(t, again, next, version(2)); len(findings) > 0 {
				t.Errorf("findings %v", findings)
			}
		})
	}
}

// NEW-05: "one bad object is quarantined and reported; it does not block the import";
// the next version mends it, whole or as a delta, after a restart too.
func TestQuarantinedObjects(t *testing.T) {
	good := site.Generate(40, 20, 1)
	bad := site.Generate(40, 20, 1)
	bad.Machines[3].Zone = "nowhere"
	for _, restart := range []bool{false, true} {
		dir := t.TempDir()
		s := start(t, dir, bad)
		if restart {
			shut(t, s)
			s, _ = open(t, dir)
		}
		c, _ := s.Current()
		if len(c.Quarantined) != 1 || c.Quarantined[0].Kind != "machines" || c.Quarantined[0].Reason != `zone: zone "nowhere" does not exist` {
			t.Errorf("quarantined %+v", c.Quarantined)
		}
		if _, in := c.Index.Machine(bad.Machines[3].Name); in || len(c.Index.Site().Validate()) > 0 {
			t.Error("what is bad is used")
		}
		if c.Digest != wire.Digest(bad) || wire.Digest(c.Site()) != wire.Digest(bad) {
			t.Error("the content is not what was published")
		}
		var streamed bytes.Buffer
		if err := c.Stream(t.Context(), &streamed); err != nil {
			t.Fatal(err)
		}
		if whole, _, err := wire.ReadConfig(&streamed); err != nil || wire.Digest(whole) != c.Digest {
			t.Errorf("a peer gets something else: %v", err)
		}
		c.Release()
		if got := s.List()[0]; got.Quarantined != len(c.Quarantined) || got.QuarantinedObjects[0].Name != string(bad.Machines[3].Name) {
			t.Errorf("list %+v", got)
		}
		b, err := s.BuildDelta(t.Context(), deltaOf(t, bad, good, version(1), version(2)), "test")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Swap(b); err != nil {
			t.Fatal(err)
		}
		if list := s.List(); list[0].Quarantined != 0 {
			t.Errorf("list %+v", list)
		}
		b, err = s.BuildDelta(t.Context(), deltaOf(t, good, bad, version(2), version(3)), "test")
		if err != nil || len(b.Quarantined()) != len(c.Quarantined) {
			t.Fatalf("%v, quarantined %v", err, b.Quarantined())
		}
		b.Discard()
	}
}

// NEW-05: an object with the name of another one, that others refer to by it: the
// first good one counts.
func TestQuarantinedNames(t *testing.T) {
	bad := site.Generate(40, 20, 1)
	odd := bad.Groups[0]
	odd.Kind = "odd"
	bad.Groups = append([]site.DeliveryGroup{odd}, bad.Groups...)
	s := start(t, t.TempDir(), bad)
	c, _ := s.Current()
	defer c.Release()
	if len(c.Quarantined) != 1 || c.Quarantined[0].Kind != "groups" || len(c.Index.Site().Groups) != len(bad.Groups)-1 || c.Digest != wire.Digest(bad) {
		t.Errorf("quarantined %+v", c.Quarantined)
	}
}

// LHC-02: a crash after any step of a delta leaves the last good one, and the next delta
// works.
func TestCrashInADelta(t *testing.T) {
	for _, half := range []bool{false, true} {
		for after := 0; ; after++ {
			done := crashInDelta(t, after, half)
			if done && after < 8 {
				t.Fatalf("the delta took only %d steps", after)
			}
			if done {
				break
			}
		}
	}
}

// crashInDelta reports whether the delta was complete before the crash came.
func crashInDelta(t *testing.T, after int, half bool) (done bool) {
	t.Helper()
	now, next := site.Generate(40, 20, 1), site.Generate(40, 20, 1)
	next.Machines[3].Maintenance = true
	dir := t.TempDir()
	shut(t, start(t, dir, now))
	disk := &localdb.CrashingDisk{Left: after, Half: half}
	s, _, err := localdb.OpenSnapshotsOn(dir, env.Real(), disk)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.BuildDelta(context.Background(), deltaOf(t, now, next, version(1), version(2)), "test")
	if err == nil {
		err = s.Swap(b)
	}
	if err != nil && !errors.Is(err, localdb.ErrCrash) {
		t.Fatal(err)
	}
	shut(t, s)
	again, findings := open(t, dir)
	c, ok := again.Current()
	if !ok || len(findings) > 0 || err == nil && c.Version != version(2) {
		t.Fatalf("after %d steps (half %t, %v): %v %v", after, half, disk.Steps, ok, findings)
	}
	if got := files(t, dir, "building-"); len(got) != 0 {
		t.Errorf("after %d steps: %v are left", after, got)
	}
	expectSite(t, again, map[uint64]*site.Site{1: now, 2: next}[c.Version.Number], c.Version)
	if c.Version == version(1) {
		b, err := again.BuildDelta(t.Context(), deltaOf(t, now, next, version(1), version(2)), "test")
		if err == nil {
			err = again.Swap(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		expectSite(t, again, next, version(2))
	}
	c.Release()
	shut(t, again)
	return err == nil
}
