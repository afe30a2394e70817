package load

import (
	"math/bits"
	"time"
)

// Histogram counts durations to within three percent, in constant space.
type Histogram struct {
	count   uint64
	max     time.Duration
	buckets [bucketCount]uint64
}

// A power of two is cut into subBuckets, in units of a microsecond.
const (
	subBits     = 5
	subBuckets  = 1 << subBits
	bucketCount = subBuckets * (41 - subBits)
)

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.count++
	h.max = max(h.max, d)
	h.buckets[bucketOf(d)]++
}

// Merge adds all that another one counted.
func (h *Histogram) Merge(other *Histogram) {
	h.count += other.count
	h.max = max(h.max, other.max)
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
}

// Count is how many durations were added.
func (h *Histogram) Count() uint64 { return h.count }

// Quantile returns the duration that the share q of all does not exceed; 0 where
// there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.count)+0.5), uint64(0)
	for i, n := range h.buckets {
		seen += n
		if n > 0 && seen >= max(rank, 1) {
			return min(upperEdge(i), h.max)
		}
	}
	return h.max
}

func bucketOf(d time.Duration) int {
	v := uint64(max(d, 0) / time.Microsecond)
	exponent := max(0, bits.Len64(v)-subBits-1)
	return min(exponent<<subBits+int(v>>exponent), bucketCount-1)
}

// upperEdge is the largest duration of a bucket.
func upperEdge(i int) time.Duration {
	if i < 2*subBuckets {
		return time.Duration(i) * time.Microsecond
	}
	exponent := i>>subBits - 1
	mantissa := i - exponent<<subBits
	return time.Duration((uint64(mantissa)+1)<<exponent-1) * time.Microsecond
}

// Latency is what a report says of many durations, in milliseconds.
type Latency struct {
	Count uint64  `json:"count"`
	P50   float64 `json:"p50_ms"`
	P95   float64 `json:"p95_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// Latency sums the histogram up.
func (h *Histogram) Latency() Latency {
	return Latency{Count: h.count, P50: ms(h.Quantile(0.5)), P95: ms(h.Quantile(0.95)), P99: ms(h.Quantile(0.99)), Max: ms(h.max)}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
