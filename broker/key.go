package broker

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash/maphash"
)

// LeaseKey stands for a lease's text: its 160 bits where it is written as a broker
// writes them, and a digest of any other.
type LeaseKey [20]byte

// leaseLen is the length of a lease's text as a broker writes it.
const leaseLen = len(LeaseKey{}) * 8 / 5

// leaseLetters are what env.Token writes five bits as, and leaseValues are their bits and
// one more; 0 is no letter. Each lease that comes is read so: encoding/base32 takes
// several times as long.
const leaseLetters = "abcdefghijklmnopqrstuvwxyz234567"

var leaseValues = [256]uint8{
	'2': 27, 28, 29, 30, 31, 32,
	'a': 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
}

// keyOf returns the key of a lease, and its text where that cannot be had from the key.
func keyOf(lease string) (key LeaseKey, text string) {
	if len(lease) == leaseLen && key.read(lease) {
		return key, ""
	}
	digest := sha256.Sum256([]byte(lease))
	return LeaseKey(digest[:len(key)]), lease
}

// read takes 40 bits from eight letters at a time.
func (k *LeaseKey) read(text string) bool {
	var all uint8
	for i := range len(k) / 5 {
		var bits uint64
		for _, c := range []byte(text[8*i : 8*i+8]) {
			v := leaseValues[c] - 1
			bits, all = bits<<5|uint64(v), all|v
		}
		binary.BigEndian.PutUint32(k[5*i:], uint32(bits>>8))
		k[5*i+4] = uint8(bits)
	}
	return all < 32
}

// text is what read reads.
func (k *LeaseKey) text() string {
	var text [leaseLen]byte
	for i := range len(k) / 5 {
		bits := uint64(binary.BigEndian.Uint32(k[5*i:]))<<8 | uint64(k[5*i+4])
		for n := range 8 {
			text[8*i+n] = leaseLetters[bits>>(35-5*n)&31]
		}
	}
	return string(text[:])
}

// byLease finds hosts by their keys: a table of numbers, in which a host is at the
// place that its key's hash says or in the run that begins there.
type byLease struct {
	seed  maphash.Seed
	slots []leaseSlot // a power of two
	n     int
	key   func(hostNo) *LeaseKey
}

// leaseSlot has the hash of its host's key, so that hosts of other keys need not be
// looked at.
type leaseSlot struct {
	hash uint32
	host hostNo
}

func newByLease(key func(hostNo) *LeaseKey) byLease {
	return byLease{seed: maphash.MakeSeed(), slots: make([]leaseSlot, 16), key: key}
}

func (t *byLease) hash(key *LeaseKey) uint32 { return uint32(maphash.Bytes(t.seed, key[:])) }

func (t *byLease) home(hash uint32) int { return int(hash) & (len(t.slots) - 1) }

func (t *byLease) next(at int) int { return (at + 1) & (len(t.slots) - 1) }

// find returns the place of a key, or the free one where it would be.
func (t *byLease) find(key *LeaseKey) int {
	hash := t.hash(key)
	at := t.home(hash)
	for t.slots[at].host != 0 && !t.holds(t.slots[at], hash, key) {
		at = t.next(at)
	}
	return at
}

func (t *byLease) holds(s leaseSlot, hash uint32, key *LeaseKey) bool {
	return s.hash == hash && subtle.ConstantTimeCompare(t.key(s.host)[:], key[:]) == 1
}

// host is who has the key; 0: nobody.
func (t *byLease) host(key *LeaseKey) hostNo { return t.slots[t.find(key)].host }

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
