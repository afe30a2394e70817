package peer

import (
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
)

// "A word counts from when the named one *sent* the heartbeat it echoes": which echo
// says when, and which says nothing.
func TestEchoed(t *testing.T) {
	const deadline = time.Second
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	m := &Mesh{o: Options{Self: "a.test"}}
	m.facts.Boot = "this boot"
	var seqs []uint64
	for i := range 20 {
		seqs = append(seqs, m.sent.next(start.Add(time.Duration(i)*100*time.Millisecond), deadline))
	}
	for _, c := range []struct {
		name string
		self site.FQDN
		boot string
		seq  uint64
		want time.Time
	}{
		{"the latest", "a.test", "this boot", seqs[19], start.Add(1900 * time.Millisecond)},
		{"an earlier one", "a.test", "this boot", seqs[12], start.Add(1200 * time.Millisecond)},
		{"one of a deadline ago", "a.test", "this boot", seqs[9], start.Add(900 * time.Millisecond)},
		{"one that is too old", "a.test", "this boot", seqs[8], time.Time{}},
		{"one of another boot", "a.test", "the boot before", seqs[19], time.Time{}},
		{"one of another connector", "b.test", "this boot", seqs[19], time.Time{}},
		{"one that was never sent", "a.test", "this boot", seqs[19] + 1, time.Time{}},
		{"none", "a.test", "this boot", 0, time.Time{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := m.echoed(wire.Facts{Heard: []wire.Heard{{FQDN: c.self, Boot: c.boot, Seq: c.seq}}})
			if !got.Equal(c.want) {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
