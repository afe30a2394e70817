// Package callin holds what the connectors of a zone know of its desktops from the
// registrations that they relay: where each is called, and under which term it was
// last seen. From it a broker that begins to serve invites them (NEW-02). It is a
// copy that every connector has; it reads no clock and sends nothing.
package callin

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"

	"understudy/site"
)

// Desktop is what is known of one desktop host.
type Desktop struct {
	Machine site.FQDN `json:"machine"`
	// Callback is the base URL that it registered; empty: it gave its lease back, and
	// nobody calls it.
	Callback string `json:"callback,omitempty"`
	// Lease names its latest lease from the cloud broker, without giving it away; 0: none
	// is known.
	Lease uint64 `json:"lease"`
	// Term is the highest under which it is known to have a lease.
	Term uint64 `json:"term"`
	// Version orders what is known of one desktop: whoever learns something new makes
	// it higher than all that it has seen.
	Version uint64 `json:"version"`
}

// LeaseKey names a lease, which is a secret.
func LeaseKey(lease string) uint64 {
	sum := sha256.Sum256([]byte(lease))
	return binary.BigEndian.Uint64(sum[:])
}

// compare orders two versions of one desktop; two connectors may have made the same
// number at the same time.
func compare(a, b Desktop) int {
	return cmp.Or(cmp.Compare(a.Version, b.Version), cmp.Compare(a.Term, b.Term), cmp.Compare(a.Lease, b.Lease), cmp.Compare(a.Callback, b.Callback))
}
