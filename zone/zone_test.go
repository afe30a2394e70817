package zone_test

import (
	"testing"

	"understudy/zone"
)

// Design 3: of two records of one outage the closed one is higher, unless either
// is forced; else the higher number; else the earlier writer's name.
func TestCompare(t *testing.T) {
	open := zone.Record{Number: 16, Writer: "b", Outage: "x", Mode: zone.ExtendedHA}
	closed := zone.Record{Number: 9, Writer: "a", Outage: "x", Mode: zone.Normal}
	forced := open
	forced.Force = &zone.Force{By: "op"}
	other := zone.Record{Number: 9, Writer: "a", Outage: "y", Mode: zone.Normal}
	sameNumber := open
	sameNumber.Writer = "a"
	for _, c := range []struct {
		name string
		a, b zone.Record
		want int
	}{
		{"closed wins in one outage", closed, open, 1},
		{"a forced one does not give way", closed, forced, -1},
		{"another outage: the number", other, open, -1},
		{"the earlier name on equal numbers", sameNumber, open, 1},
		{"equal", open, open, 0},
		{"none is lowest", zone.Record{}, closed, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := zone.Compare(c.a, c.b); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
			if got := zone.Compare(c.b, c.a); got != -c.want {
				t.Errorf("reversed: got %d, want %d", got, -c.want)
			}
		})
	}
}
