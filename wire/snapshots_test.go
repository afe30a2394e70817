package wire_test

import (
	"testing"

	"understudy/site"
	"understudy/wire"
)

// NEW-05: "A suspicious snapshot is held back until an operator accepts it." Design 5:
// "A version rolled back from is barred until accepted", and a newer one ends the bar.
func TestHolds(t *testing.T) {
	v := func(n uint64) site.Version { return site.Version{History: "h", Number: n} }
	of := func(n uint64) wire.HeldVersion { return wire.HeldVersion{Version: v(n)} }
	held := func(h wire.Holds, n uint64, suspicion string) bool {
		_, why := h.Judge(of(n), suspicion)
		return why != ""
	}
	var h wire.Holds
	if held(h, 5, "") || !held(h, 5, "it lost too much") {
		t.Error("suspicion does not decide")
	}
	h, _ = h.Judge(of(5), "it lost too much")
	if len(h.Versions()) != 1 || h.Held.Reason == "" {
		t.Errorf("%+v does not hold 5", h)
	}
	if other, fresh := h.Accept(wire.Acceptance{Number: 1, Version: v(4)}); !fresh || !held(other, 5, "it lost too much") {
		t.Error("the acceptance of another version counts")
	}
	h, fresh := h.Accept(wire.Acceptance{Number: 2, Version: v(5)})
	if _, again := h.Accept(wire.Acceptance{Number: 2, Version: v(5)}); !fresh || again || len(h.Versions()) != 0 || held(h, 5, "it lost too much") {
		t.Errorf("%+v holds an accepted version", h)
	}
	if !held(h, 6, "it lost too much") {
		t.Error("the next version needs no acceptance of its own")
	}
	bar := of(5)
	bar.Number, bar.Reason = h.Accepted.Number, "rolled back"
	h.Barred = &bar
	if !held(h, 5, "") {
		t.Error("the acceptance before a roll-back counts after it")
	}
	if mended, _ := h.Accept(wire.Acceptance{Number: 3, Version: v(5)}); held(mended, 5, "") {
		t.Error("a barred version cannot be accepted")
	}
	if used := h.Used(v(6)); len(used.Versions()) != 0 {
		t.Errorf("a newer version does not end the bar: %+v", used)
	}
	if used := h.Used(v(4)); len(used.Versions()) != 1 {
		t.Errorf("an older version ends the bar: %+v", used)
	}
}

func TestCompareIsBounded(t *testing.T) {
	from, to := site.Generate(100, 10, 1), site.Generate(100, 10, 1)
	to.Machines = to.Machines[:40]
	to.Machines[0].Maintenance = true
	to.Users = append(to.Users, site.User{Name: "new"})
	for _, d := range wire.Compare(from, to) {
		want := map[string]wire.KindDiff{
			"machines": {Before: 100, After: 40, Changed: 1, Removed: 60}, "users": {Before: len(from.Users), After: len(to.Users), Added: 1},
		}[d.Kind]
		if want.Kind = d.Kind; d.Kind == "machines" || d.Kind == "users" {
			if d.Before != want.Before || d.After != want.After || d.Added != want.Added || d.Changed != want.Changed || d.Removed != want.Removed {
				t.Errorf("%+v, want %+v", d, want)
			}
		}
		if len(d.Names) > 20 || d.Kind == "users" && d.Names[0] != "+new" {
			t.Errorf("names %v", d.Names)
		}
	}
}
