package peer

import (
	"reflect"
	"slices"

	"understudy/wire"
)

// differ reports whether two words of a connector differ in anything that can
// change a decision: all but their number and the ages in them.
func differ(a, b wire.Facts) bool {
	return !reflect.DeepEqual(timeless(a), timeless(b))
}

// timeless drops what changes with every word. Whether there is a front at all
// stays.
func timeless(f wire.Facts) wire.Facts {
	f.Seq, f.ConfigAge = 0, 0
	f.Heard = slices.Clone(f.Heard)
	for i := range f.Heard {
		f.Heard[i].Seq = 0
	}
	if f.FrontIdle != nil {
		f.FrontIdle = nil
		f.Heard = append(slices.Clip(f.Heard), wire.Heard{FQDN: "front"})
	}
	return f
}
