package site_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/site"
)

func TestGenerateIsValid(t *testing.T) {
	sizes := []struct{ machines, users int }{{0, 0}, {1, 0}, {0, 1}, {10, 3}, {7, 1000}, {100_000, 100_000}}
	for _, n := range sizes {
		s := site.Generate(n.machines, n.users, 1)
		if faults := s.Validate(); len(faults) > 0 {
			t.Errorf("%d machines, %d users: %d faults, first %v", n.machines, n.users, len(faults), faults[0])
		}
		if len(s.Machines) != n.machines || len(s.Users) != n.users {
			t.Errorf("got %d machines and %d users, want %v", len(s.Machines), len(s.Users), n)
		}
	}
}

func TestGenerateIsDeterministic(t *testing.T) {
	a, b := site.Generate(500, 700, 42), site.Generate(500, 700, 42)
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the same seed gave two sites:\n%s", diff)
	}
	if cmp.Equal(a, site.Generate(500, 700, 43)) {
		t.Error("two seeds gave the same site")
	}
}

func TestGenerateHasEveryKindForSomeUser(t *testing.T) {
	s := site.Generate(40, 40, 7)
	x := site.NewIndex(s)
	kinds := map[site.Kind]int{}
	for _, m := range s.Machines {
		g, _ := x.Group(m.Group)
		kinds[g.Kind]++
	}
	if want := map[site.Kind]int{site.Assigned: 16, site.Pooled: 16, site.MultiSession: 8}; !cmp.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
	for _, u := range s.Users {
		if len(x.Resources(u.Name, nil)) < 3 {
			t.Errorf("%s may launch only %v", u.Name, x.Resources(u.Name, nil))
		}
	}
}
