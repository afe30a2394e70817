package env

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// What is remembered of guessers is bounded, and names and order agree.
func TestFailuresAreBounded(t *testing.T) {
	now := time.Now()
	b := NewFailures(1, 0)
	for i := range remembered + 100 {
		b.Note(now, string(rune(i)))
	}
	if len(b.tries) != remembered || b.order.Len() != remembered {
		t.Errorf("%d and %d are remembered", len(b.tries), b.order.Len())
	}
	b.Note(now.Add(2*longestWait), "x")
	if len(b.tries) != 1 {
		t.Errorf("%d are remembered for too long", len(b.tries))
	}
	rapid.Check(t, func(t *rapid.T) {
		b, at := NewFailures(2, 0), now
		for range rapid.IntRange(0, 50).Draw(t, "n") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0, 1:
				b.Note(at, name)
			case 2:
				b.Forgive(name)
			default:
				b.Forget(name)
			}
			at = at.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "s")) * time.Second)
			if len(b.tries) != b.order.Len() {
				t.Fatalf("%d names, %d in order", len(b.tries), b.order.Len())
			}
			if wait := b.Wait(at, name); wait > longestWait {
				t.Fatalf("wait %s", wait)
			}
		}
	})
}
