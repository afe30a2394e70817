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
	slots []leaseSlot // a power of two
	n     int
	key   func(hostNo) *leaseKey
}

// leaseSlot has the hash of its host's key, so that hosts of other keys need not be
// looked at.
type leaseSlot struct {
	hash uint32
	host hostNo
}

func newByLease(key func(hostNo) *leaseKey) byLease {
	return byLease{seed: maphash.MakeSeed(), slots: make([]leaseSlot, 16), key: key}
}

func (t *byLease) hash(key *leaseKey) uint32 { return uint32(maphash.Bytes(t.seed, key[:])) }

func (t *byLease) home(hash uint32) int { return int(hash) & (len(t.slots) - 1) }

func (t *byLease) next(at int) int { return (at + 1) & (len(t.slots) - 1) }

// find returns the place of a key, or the free one where it would be.
func (t *byLease) find(key *leaseKey) int {
	hash := t.hash(key)
	at := t.home(hash)
	for t.slots[at].host != 0 && !t.holds(t.slots[at], hash, key) {
		at = t.next(at)
	}
	return at
}

func (t *byLease) holds(s leaseSlot, hash uint32, key *leaseKey) bool {
	return s.hash == hash && subtle.ConstantTimeCompare(t.key(s.host)[:], key[:]) == 1
}

// host is who has the key; 0: nobody.
func (t *byLease) host(key *leaseKey) hostNo { return t.slots[t.find(key)].host }

// put enters a host that has its key; one that had the same is found no longer.
func (t *byLease) put(n hostNo) {
	if 8*t.n >= 7*len(t.slots) {
		t.grow()
	}
	key := t.key(n)
	at := t.find(key)
	if t.slots[at].host == 0 {
		t.n++
	}
	t.slots[at] = leaseSlot{t.hash(key), n}
}

func (t *byLease) grow() {
	old := t.slots
	t.slots = make([]leaseSlot, 2*len(old))
	for _, s := range old {
		if s.host == 0 {
			continue
		}
		at := t.home(s.hash)
		for t.slots[at].host != 0 {
			at = t.next(at)
		}
		t.slots[at] = s
	}
}

// remove takes a host out, if its key leads to it, and closes the gap.
func (t *byLease) remove(n hostNo) {
	gap := t.find(t.key(n))
	if t.slots[gap].host != n {
		return
	}
	t.n--
	t.slots[gap] = leaseSlot{}
	for at := t.next(gap); t.slots[at].host != 0; at = t.next(at) {
		home := t.home(t.slots[at].hash)
		if mask := len(t.slots) - 1; (at-home)&mask >= (at-gap)&mask {
			t.slots[gap], t.slots[at] = t.slots[at], leaseSlot{}
			gap = at
		}
	}
}
