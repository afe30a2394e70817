package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sort"

	"understudy/site"
)

// Hashes are those of all that is in a site, in order. Its digest is made of them, and from
// those of one site come those of the next without all being hashed anew.
type Hashes struct{ list [][sha256.Size]byte }

// HashesOf hashes a site and the records that it contains.
func HashesOf(s *site.Site, contained ...ContainedRecord) Hashes {
	d := newDigester(s, contained, ConfigCounts(s))
	var buffer []byte
	for o := range Objects(s) {
		buffer = d.addObject(o, buffer)
	}
	return d.sorted()
}

// Digest is that of the site.
func (h Hashes) Digest() string {
	all := sha256.New()
	var some [128 * sha256.Size]byte // so many are taken in with one call
	n := 0
	for i := range h.list {
		n += copy(some[n:], h.list[i][:])
		if n == len(some) {
			all.Write(some[:])
			n = 0
		}
	}
	all.Write(some[:n])
	return hex.EncodeToString(all.Sum(nil))
}

// Edition is a site with the records that it contains.
type Edition struct {
	Site      *site.Site
	Contained []ContainedRecord
}

// After returns the hashes of the next edition, of which ApplyChanges said what it touched.
// It fails where the hashes are not those of the edition before.
func (h Hashes) After(before, next Edition, touched map[string][]int) (Hashes, error) {
	gone, come := &digester{}, &digester{}
	gone.addOwn(before.Site, before.Contained)
	come.addOwn(next.Site, next.Contained)
	for _, k := range kinds() {
		at := touched[k.name]
		gone.addTouched(k, before.Site, at)
		come.addTouched(k, next.Site, at)
		for i := k.length(next.Site); i < k.length(before.Site); i++ {
			gone.addObject(k.at(before.Site, i), nil)
		}
	}
	return h.changed(gone.sorted().list, come.sorted().list)
}

// addTouched adds the objects at positions that are in order, as far as there are any.
func (d *digester) addTouched(k kind, s *site.Site, at []int) {
	at = at[:sort.SearchInts(at, k.length(s))]
	var buffer []byte
	for _, i := range at {
		buffer = d.addObject(k.at(s, i), buffer)
	}
}

var errOtherHashes = errors.New("the hashes are those of another content")

// changed takes some hashes out and others in. All lists are in order.
func (h Hashes) changed(gone, come [][sha256.Size]byte) (Hashes, error) {
	next := make([][sha256.Size]byte, 0, max(0, len(h.list)-len(gone))+len(come))
	rest := h.list
	for len(gone) > 0 || len(come) > 0 {
		if len(come) > 0 && (len(gone) == 0 || bytes.Compare(come[0][:], gone[0][:]) < 0) {
			at := firstFrom(rest, &come[0])
			next, rest, come = append(append(next, rest[:at]...), come[0]), rest[at:], come[1:]
			continue
		}
		at := firstFrom(rest, &gone[0])
		if at == len(rest) || rest[at] != gone[0] {
			return Hashes{}, errOtherHashes
		}
		next, rest, gone = append(next, rest[:at]...), rest[at+1:], gone[1:]
	}
	return Hashes{append(next, rest...)}, nil
}

// firstFrom is where in a list a hash is, or would be.
func firstFrom(list [][sha256.Size]byte, hash *[sha256.Size]byte) int {
	return sort.Search(len(list), func(i int) bool { return bytes.Compare(list[i][:], hash[:]) >= 0 })
}
