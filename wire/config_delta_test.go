package wire_test

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"understudy/site"
	"understudy/wire"
)

// mutate changes some of everything in a site.
func mutate(t *rapid.T, s *site.Site) *site.Site {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	n := *s
	n.ReuseInOutage = r.IntN(2) == 0
	n.Machines = slices.DeleteFunc(slices.Clone(s.Machines), func(site.Machine) bool { return r.IntN(6) == 0 })
	for i := range n.Machines {
		n.Machines[i].Maintenance = r.IntN(5) == 0
	}
	for range r.IntN(8) {
		n.Machines = append(n.Machines, site.Machine{Name: site.FQDN("new" + string(rune('a'+r.IntN(26))) + ".example"), Group: "office", Zone: "lyon"})
	}
	n.Users = slices.DeleteFunc(slices.Clone(s.Users), func(site.User) bool { return r.IntN(6) == 0 })
	n.Entitlements = slices.DeleteFunc(slices.Clone(s.Entitlements), func(site.Entitlement) bool { return r.IntN(6) == 0 })
	n.Zones = slices.Clone(s.Zones)
	n.Zones[0].Settings.Preempt = new(r.IntN(2) == 0)
	n.Groups = slices.Clone(s.Groups)
	n.Groups[0].Zones = slices.Clone(n.Groups[0].Zones)
	slices.Reverse(n.Groups[0].Zones)
	r.Shuffle(len(n.Users), func(i, j int) { n.Users[i], n.Users[j] = n.Users[j], n.Users[i] })
	slices.SortFunc(n.Machines, func(a, b site.Machine) int { return strings.Compare(string(a.Name), string(b.Name)) })
	n.Machines = slices.CompactFunc(n.Machines, func(a, b site.Machine) bool { return a.Name == b.Name })
	return &n
}

// NEW-06: a delta leads to the same content as the whole configuration, from
// whatever was before, and only its places in the lists change.
func TestChangesLeadThere(t *testing.T) {
	from := site.Generate(60, 30, 3)
	rapid.Check(t, func(t *rapid.T) {
		to := mutate(t, from)
		changes := wire.Changes(from, to)
		got, touched := apply(t, from, to.ReuseInOutage, changes)
		if wire.Digest(got) != wire.Digest(to) {
			t.Fatal("the content is another one")
		}
		follow(t, wire.Edition{Site: from}, wire.Edition{Site: got, Contained: records(t)}, touched)
		third := mutate(t, to)
		joined := wire.JoinChanges(changes, wire.Changes(to, third))
		got, _ = apply(t, from, third.ReuseInOutage, joined)
		if wire.Digest(got) != wire.Digest(third) {
			t.Fatal("two deltas joined lead elsewhere")
		}
	})
}

func records(t *rapid.T) []wire.ContainedRecord {
	return []wire.ContainedRecord{{Origin: "cc01.example", Journal: "j", Sequence: rapid.Uint64().Draw(t, "sequence")}}
}

// follow holds the digest that follows from what changed to that of the whole; hashes of
// another content lead nowhere.
func follow(t *rapid.T, from, to wire.Edition, touched map[string][]int) {
	hashes, err := wire.HashesOf(from.Site, from.Contained...).After(from, to, touched)
	if err != nil || hashes.Digest() != wire.Digest(to.Site, to.Contained...) {
		t.Fatalf("the digest that follows is another one (%v)", err)
	}
	if _, err := hashes.After(from, to, touched); err == nil && wire.Digest(from.Site, from.Contained...) != hashes.Digest() {
		t.Fatal("hashes of another content were taken")
	}
}

func apply(t *rapid.T, from *site.Site, reuse bool, changes []wire.ConfigChange) (*site.Site, map[string][]int) {
	got, touched := wire.ApplyChanges(from, wire.ConfigHeader{Site: from.Name, ReuseInOutage: reuse}, changes)
	for kind, at := range touched {
		if !slices.IsSorted(at) {
			t.Fatalf("positions of %s are not in order: %v", kind, at)
		}
	}
	for i := range min(len(from.Machines), len(got.Machines)) {
		if !slices.Contains(touched["machines"], i) && got.Machines[i] != from.Machines[i] {
			t.Fatalf("machine %d changed unnoticed", i)
		}
	}
	return got, touched
}

func TestDeltaStream(t *testing.T) {
	from, to := site.Generate(60, 30, 3), site.Generate(60, 30, 3)
	to.Machines[7].Maintenance = true
	to.Machines = to.Machines[:59]
	to.Users[3].Groups = append(slices.Clip(to.Users[3].Groups), "night")
	base, next := site.Version{History: "h", Number: 1}, site.Version{History: "h", Number: 2}
	var b bytes.Buffer
	d := wire.Delta{Base: base, Version: next, Digest: wire.Digest(to), Changes: wire.Changes(from, to)}
	if err := wire.WriteDelta(&b, d, to); err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewConfigReader(bytes.NewReader(b.Bytes()))
	if err != nil || !r.IsDelta() || r.Header().Base != base || r.Header().Version != next {
		t.Fatalf("header %+v, %v", r.Header(), err)
	}
	changes, err := r.ReadChanges()
	if err != nil || len(changes) != 3 || r.Objects() != 3 || r.Bytes() != int64(b.Len()) {
		t.Fatalf("%d changes, %d objects, %d of %d bytes, %v", len(changes), r.Objects(), r.Bytes(), b.Len(), err)
	}
	got, _ := wire.ApplyChanges(from, r.Header(), changes)
	if wire.Digest(got) != r.Digest() {
		t.Error("the stream leads elsewhere")
	}
	again, err := wire.NewConfigReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Next(); err == nil || !strings.Contains(err.Error(), "is a delta") {
		t.Errorf("a delta was read as a whole site: %v", err)
	}
	for cut := range b.Len() {
		r, err := wire.NewConfigReader(bytes.NewReader(b.Bytes()[:cut]))
		if err == nil {
			_, err = r.ReadChanges()
		}
		if err == nil {
			t.Fatalf("a delta cut at byte %d of %d was taken", cut, b.Len())
		}
	}
}
