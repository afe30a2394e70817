package configsync

import "time"

// Pauses of a connector that has no snapshot at all: the first, and the longest as a
// part of the interval of syncs.
const (
	firstPause  = time.Second
	longestPart = 4
)

// Pause is how long a connector without any snapshot waits before it asks again after so
// many asks in vain: each time twice as long, up to a quarter of the interval of syncs, for
// a zone that was started before its site was published serves nobody. asked is for how
// long the source wants to be left alone, which counts in any case.
func Pause(tries int, interval, asked time.Duration) time.Duration {
	pause, longest := firstPause, interval/longestPart
	for ; tries > 1 && pause < longest; tries-- {
		pause *= 2
	}
	return max(min(pause, longest), asked)
}
