package sim

import (
	"math"
	"sync"
	"time"
)

// network is every connection between the hosts of a site. All that it decides
// comes from a hash of what it is about and when, never from the order in which
// somebody asked: the same causes have the same delays.
type network struct {
	seed uint64

	mu        sync.Mutex        // guards all below, and all of lives, connections and listeners
	addresses map[string]string // host name by IP
	listeners map[string]*listener
	ways      map[way]*weather
	ends      []*end
	changed   chan struct{} // closed, and replaced, when who reaches whom may differ
}

// way is one direction between two hosts.
type way struct{ from, to string }

// weather is what happens to what is sent one way.
type weather struct {
	cut   int // how many cuts hold
	slow  time.Duration
	lossy uint64 // of 100
}

// never is the time of what does not arrive as things are.
const never = math.MaxInt64

// The delays of a local network; the cloud is further away.
const (
	nearest    = 80 * time.Microsecond
	nearSpread = 500 * time.Microsecond
	farthest   = 4 * time.Millisecond
	farSpread  = 6 * time.Millisecond
	resent     = 200 * time.Millisecond
)

func newNetwork(seed uint64) *network {
	return &network{
		seed: seed, addresses: map[string]string{}, listeners: map[string]*listener{}, ways: map[way]*weather{},
		changed: make(chan struct{}),
	}
}

// hash mixes numbers into one, so that each bit of it depends on all of them.
func hash(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h ^= p
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

func hashText[T string | []byte](s T) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return hash(h)
}

func now() int64 { return time.Now().UnixNano() }

// at is the weather of a way. It is called with the lock held.
func (n *network) at(w way) *weather {
	v := n.ways[w]
	if v == nil {
		v = &weather{}
		n.ways[w] = v
	}
	return v
}

// chance is drawn for one thing that is sent, by what it is about.
func (n *network) chance(w way, tag uint64) uint64 {
	return hash(n.seed, hashText(w.from), hashText(w.to), tag, uint64(now()))
}

// delay is how long something takes one way. It is called with the lock held.
func (n *network) delay(w way, tag uint64) time.Duration {
	h := n.chance(w, tag)
	least, spread := nearest, nearSpread
	if w.from == cloudName || w.to == cloudName {
		least, spread = farthest, farSpread
	}
	d := least + time.Duration(h%uint64(spread))
	v := n.ways[w]
	if v == nil {
		return d
	}
	if v.slow > 0 {
		d += v.slow + time.Duration(h>>8%uint64(v.slow/4+1))
	}
	if v.lossy > 0 && h>>20%100 < v.lossy {
		d += resent << (h >> 32 % 3)
	}
	return d
}

// breaks reports whether what is sent now breaks its connection. It is called with
// the lock held.
func (n *network) breaks(w way, tag uint64) bool {
	v := n.ways[w]
	return v != nil && v.lossy > 0 && hash(n.chance(w, tag))%400 < v.lossy
}

func (n *network) isCut(w way) bool {
	v := n.ways[w]
	return v != nil && v.cut > 0
}

// tell wakes who waits for another weather. It is called with the lock held.
func (n *network) tell() {
	close(n.changed)
	n.changed = make(chan struct{})
}

// cut stops all that goes these ways: what is under way is lost, and sent again
// after the heal.
func (n *network) cut(ways ...way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range ways {
		n.at(w).cut++
	}
	t := now()
	for _, e := range n.ends {
		if n.isCut(e.incoming()) {
			e.lose(t)
		}
	}
	n.tell()
}

// heal takes one cut of each of the ways back.
func (n *network) heal(ways ...way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range ways {
		if v := n.at(w); v.cut > 0 {
			v.cut--
		}
	}
	n.resend()
	n.tell()
}

// calm ends all there is of these ways, or of all.
func (n *network) calm(match func(way) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for w := range n.ways {
		if match(w) {
			delete(n.ways, w)
		}
	}
	n.resend()
	n.tell()
}

// slow delays what goes these ways; zero ends that.
func (n *network) slow(d time.Duration, ways ...way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range ways {
		n.at(w).slow = d
	}
}

// lossy loses so many of 100 of what goes these ways; zero ends that.
func (n *network) lossy(percent int, ways ...way) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range ways {
		n.at(w).lossy = uint64(max(0, percent))
	}
}

// resend lets what was lost go again where it can. It is called with the lock held.
func (n *network) resend() {
	for _, e := range n.ends {
		e.resend()
	}
}

// forget drops ends that are of no more use. It is called with the lock held.
func (n *network) forget() {
	kept := n.ends[:0]
	for _, e := range n.ends {
		if !e.closed || !e.peer.closed {
			kept = append(kept, e)
		}
	}
	clear(n.ends[len(kept):])
	n.ends = kept
}
