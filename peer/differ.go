package peer

import (
	"reflect"
	"slices"

	"understudy/wire"
)

// differ reports whether two words of a connector differ in anything that can
// change a decision: all but their number and the ages in them. Whether there is a
// front at all counts. It is asked for every heartbeat, so it copies nothing.
func differ(a, b wire.Facts) bool {
	if (a.FrontIdle == nil) != (b.FrontIdle == nil) || !slices.EqualFunc(a.Heard, b.Heard, sameHeard) {
		return true
	}
	a, b = timeless(a), timeless(b)
	return !reflect.DeepEqual(&a, &b)
}

// sameAges compares what differ leaves out, but for numbers of heartbeats.
func sameAges(a, b wire.Facts) bool {
	return a.ConfigAge == b.ConfigAge && (a.FrontIdle == nil || *a.FrontIdle == *b.FrontIdle)
}

// sameHeard compares all but the number of the heartbeat that is echoed.
func sameHeard(a, b wire.Heard) bool {
	a.Seq, b.Seq = 0, 0
	return a == b
}

// timeless drops what changes with every word, and what was compared already.
func timeless(f wire.Facts) wire.Facts {
	f.Seq, f.ConfigAge, f.Heard, f.FrontIdle = 0, 0, nil, nil
	return f
}
