package load

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"
)

// dice is the seeded randomness of a run. It is an io.Reader, too.
type dice struct {
	mu   sync.Mutex // guards rand
	rand *rand.Rand
}

func newDice(seed, stream uint64) *dice { return &dice{rand: rand.New(rand.NewPCG(seed, stream))} }

// Read fills b.
func (d *dice) Read(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var word [8]byte
	for n := 0; n < len(b); n += copy(b[n:], word[:]) {
		binary.LittleEndian.PutUint64(word[:], d.rand.Uint64())
	}
	return len(b), nil
}

func (d *dice) float() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.Float64()
}

func (d *dice) below(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(n)
}

// around returns an exponentially distributed duration with that mean.
func (d *dice) around(mean time.Duration) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Duration(d.rand.ExpFloat64() * float64(mean))
}
