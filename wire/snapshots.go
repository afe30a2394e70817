package wire

import (
	"fmt"
	"time"

	"understudy/site"
)

// Acceptance is an operator's word that a version may be used. It is the zone's: the
// highest number counts, and travels on the heartbeats.
type Acceptance struct {
	Number  uint64       `json:"number"`
	Version site.Version `json:"version"`
}

// HeldVersion is a version that a connector does not take into use by itself.
type HeldVersion struct {
	Version site.Version `json:"version"`
	Digest  string       `json:"digest"`
	Reason  string       `json:"reason"`
	At      time.Time    `json:"at"`
	// Number is the last acceptance that was known then: only a later one counts.
	Number uint64         `json:"number"`
	Counts map[string]int `json:"counts,omitempty"`
	// Diff is what it changes.
	Diff *SnapshotDiff `json:"diff,omitempty"`
}

// Holds is what keeps versions from being used: one that lost too much is held, one
// that was rolled back from is barred.
type Holds struct {
	Accepted Acceptance   `json:"accepted"`
	Held     *HeldVersion `json:"held,omitempty"`
	Barred   *HeldVersion `json:"barred,omitempty"`
}

// List returns the versions that are held back, without what they change.
func (h Holds) List() []HeldVersion {
	var list []HeldVersion
	for _, v := range []*HeldVersion{h.Held, h.Barred} {
		if v != nil {
			one := *v
			one.Diff = nil
			list = append(list, one)
		}
	}
	return list
}

// Versions lists the versions that are held back.
func (h Holds) Versions() []site.Version {
	var list []site.Version
	for _, v := range h.List() {
		list = append(list, v.Version)
	}
	return list
}

// Accept takes an acceptance over, its own or one of a peer; false where it is known.
func (h Holds) Accept(a Acceptance) (Holds, bool) {
	if a.Number < h.Accepted.Number || a.Number == h.Accepted.Number && a.Version.Compare(h.Accepted.Version) <= 0 {
		return h, false
	}
	h.Accepted = a
	if h.Held != nil && h.Held.Version == a.Version {
		h.Held = nil
	}
	if h.Barred != nil && h.Barred.Version == a.Version && a.Number > h.Barred.Number {
		h.Barred = nil
	}
	return h, true
}

// Judge says whether a new version is held back, and why: suspicion is what speaks
// against it. An acceptance outweighs that, but not a later roll-back.
func (h Holds) Judge(v HeldVersion, suspicion string) (Holds, string) {
	switch {
	case h.Barred != nil && h.Barred.Version == v.Version:
		return h, h.Barred.Reason
	case suspicion == "" || h.Accepted.Version == v.Version:
		return h, ""
	}
	v.Reason, v.Number = suspicion, h.Accepted.Number
	if h.Held == nil || h.Held.Version != v.Version {
		h.Held = &v
	}
	return h, suspicion
}

// Used notes that a version is taken into use: a newer one ends what is held.
func (h Holds) Used(v site.Version) Holds {
	if h.Held != nil && v.Compare(h.Held.Version) >= 0 {
		h.Held = nil
	}
	if h.Barred != nil && v.Compare(h.Barred.Version) >= 0 {
		h.Barred = nil
	}
	return h
}

// The actions of a SnapshotOrder.
const (
	AcceptSnapshot   = "accept"   // take the version that is held back
	RollbackSnapshot = "rollback" // go back to the generation before
	VerifySnapshots  = "verify"   // look over what is on the disk
)

// SnapshotOrder is an operator's order about snapshots, to the connector that it is
// given to.
type SnapshotOrder struct {
	Action string `json:"action"` // accept | rollback | verify
	// Version is the one to accept, HISTORY-NUMBER; empty means the one held back.
	Version string `json:"version,omitempty"`
	Reason  string `json:"reason,omitempty"`
	By      string `json:"by,omitempty"`
}

// Validate says what is wrong with the order.
func (o SnapshotOrder) Validate() error {
	switch o.Action {
	case AcceptSnapshot, RollbackSnapshot, VerifySnapshots:
	default:
		return fmt.Errorf("action %q is not %s, %s or %s", o.Action, AcceptSnapshot, RollbackSnapshot, VerifySnapshots)
	}
	if _, ok := site.ParseVersion(o.Version); !ok && o.Version != "" {
		return fmt.Errorf("version %q is not HISTORY-NUMBER", o.Version)
	}
	return nil
}

// SnapshotAnswer is what there is after an order.
type SnapshotAnswer struct {
	// Version is the one accepted, or gone back to.
	Version site.Version     `json:"version,omitzero"`
	Items   []SnapshotStatus `json:"items"`
}

// SnapshotDiff is what one version changes of another.
type SnapshotDiff struct {
	From  site.Version `json:"from"`
	To    site.Version `json:"to"`
	Kinds []KindDiff   `json:"kinds"`
}

// KindDiff is what changes in the objects of one kind.
type KindDiff struct {
	Kind    string `json:"kind"`
	Before  int    `json:"before"`
	After   int    `json:"after"`
	Added   int    `json:"added"`
	Changed int    `json:"changed"`
	Removed int    `json:"removed"`
	// Names are the first of them, with +, ~ or - before the name.
	Names []string `json:"names"`
}

// namesShown bounds the names of a KindDiff.
const namesShown = 20

// Compare counts and names what changes from one site to another.
func Compare(from, to *site.Site) []KindDiff {
	before, after := ConfigCounts(from), ConfigCounts(to)
	var list []KindDiff
	for _, k := range kinds() {
		d := KindDiff{Kind: k.name, Before: before[k.name], After: after[k.name], Names: []string{}}
		for _, c := range k.changes(from, to) {
			d.add(c)
		}
		list = append(list, d)
	}
	return list
}

func (d *KindDiff) add(c ConfigChange) {
	sign := "~"
	switch {
	case c.Deleted:
		sign = "-"
		d.Removed++
	case c.Added:
		sign = "+"
		d.Added++
	default:
		d.Changed++
	}
	if len(d.Names) < namesShown {
		d.Names = append(d.Names, sign+Clip(c.Name()))
	}
}
