package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"hash/maphash"
)

// leaseKey stands for a lease's text: its 160 bits where it is written as a broker
// writes them, and a digest of any other.
type leaseKey [20]byte

// leaseText is how env.Token writes.
var leaseText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// keyOf returns the key of a lease, and whether its text can be had from that.
func keyOf(lease string) (key leaseKey, whole bool) {
	if len(lease) == leaseText.EncodedLen(len(key)) {
		if n, err := leaseText.Decode(key[:], []byte(lease)); err == nil && n == len(key) {
			return key, true
		}
	}
	digest := sha256.Sum256([]byte(lease))
	return leaseKey(digest[:len(key)]), false
}

// byLease finds hosts by their keys: a table of numbers, in which a host is at the
// place that its key's hash says or in the run that begins there.
type byLease struct {
	seed  maphash.Seed
	slots []hostNo // a power of two
	n     int
	key   func(hostNo) *leaseKey
}

func newByLease(key func(hostNo) *leaseKey) byLease {
	return byLease{seed: maphash.MakeSeed(), slots: make([]hostNo, 16), key: key}
}

func (t *byLease) home(key *leaseKey) int {
	return int(maphash.Bytes(t.seed, key[:]) & uint64(len(t.slots)-1))
}

func (t *byLease) next(at int) int { return (at + 1) & (len(t.slots) - 1) }

// find returns the place of a key, or the free one where it would be.
func (t *byLease) find(key *leaseKey) int {
	at := t.home(key)
	for t.slots[at] != 0 && subtle.ConstantTimeCompare(t.key(t.slots[at])[:], key[:]) == 0 {
		at = t.next(at)
	}
	return at
}

// put enters a host that has its key; one that had the same is found no longer.
func (t *byLease) put(n hostNo) {
	if 8*t.n >= 7*len(t.slots) {
		t.grow()
	}
	at := t.find(t.key(n))
	if t.slots[at] == 0 {
		t.n++
	}
	t.slots[at] = n
}

func (t *byLease) grow() {
	old := t.slots
	t.slots = make([]hostNo, 2*len(old))
	for _, n := range old {
		if n > 0 {
			t.slots[t.find(t.key(n))] = n
		}
	}
}

// remove takes a host out, if its key leads to it, and closes the gap.
func (t *byLease) remove(n hostNo) {
	gap := t.find(t.key(n))
	if t.slots[gap] != n {
		return
	}
	t.n--
	t.slots[gap] = 0
	for at := t.next(gap); t.slots[at] != 0; at = t.next(at) {
		home := t.home(t.key(t.slots[at]))
		if mask := len(t.slots) - 1; (at-home)&mask >= (at-gap)&mask {
			t.slots[gap], t.slots[at] = t.slots[at], 0
			gap = at
		}
	}
}
