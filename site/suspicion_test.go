package site_test

import (
	"testing"

	"understudy/site"
)

// NEW-05: "A suspicious snapshot (nearly empty, say) is held back": one that loses
// more than half of the machines, groups or connectors.
func TestSuspicious(t *testing.T) {
	before := site.Counts{Machines: 10, Groups: 3, Connectors: 2}
	for _, c := range []struct {
		now  site.Counts
		want string
	}{
		{before, ""},
		{site.Counts{Machines: 5, Groups: 2, Connectors: 1}, ""},
		{site.Counts{Machines: 4, Groups: 3, Connectors: 2}, "it has 4 of 10 machines"},
		{site.Counts{Machines: 10, Groups: 1, Connectors: 2}, "it has 1 of 3 groups"},
		{site.Counts{Machines: 10, Groups: 3}, "it has 0 of 2 connectors"},
	} {
		if got := c.now.Suspicious(before); got != c.want {
			t.Errorf("%+v: %q, want %q", c.now, got, c.want)
		}
	}
	if got := (site.Counts{}).Suspicious(site.Counts{}); got != "" {
		t.Errorf("nothing after nothing: %q", got)
	}
}
