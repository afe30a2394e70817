package site

import "slices"

// grants finds entitlements that say the same. Hardly ever are there any, so that at
// first it only looks for equal numbers.
type grants struct {
	first map[Entitlement]int32 // nil where all are different
}

func newGrants(s *Site) grants {
	g := grants{}
	if n := newNumbering(s); n.repeats(s.Entitlements) {
		g.first = make(map[Entitlement]int32, len(s.Entitlements))
	}
	return g
}

// add takes in the i-th entitlement and returns where the first is that says the same.
func (g grants) add(e Entitlement, i int) int {
	if g.first == nil {
		return i
	}
	e.User, e.UserGroup = UserKey(e.User), UserKey(e.UserGroup)
	if at, seen := g.first[e]; seen {
		return int(at)
	}
	g.first[e] = int32(i)
	return i
}

// numbering makes one number of an entitlement.
type numbering struct {
	texts map[string]uint64
	whose string // of the one before
	who   uint64
}

func newNumbering(s *Site) *numbering {
	return &numbering{texts: make(map[string]uint64, len(s.Users)+len(s.Groups)+len(s.Applications))}
}

// repeats reports whether two of the list may say the same.
func (n *numbering) repeats(list []Entitlement) bool {
	keys := make([]uint64, len(list))
	for i := range list {
		keys[i] = n.key(&list[i])
	}
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if keys[i] == keys[i-1] {
			return true
		}
	}
	return false
}

// key is the same for all that say the same, and for some that are not valid.
func (n *numbering) key(e *Entitlement) uint64 {
	if whose := UserKey(e.User) + UserKey(e.UserGroup); whose != n.whose || n.who == 0 {
		n.whose, n.who = whose, n.number(whose)
	}
	key := n.who<<33 | n.number(e.Desktop+e.Application)<<2
	if e.User == "" {
		key |= 1
	}
	if e.Desktop == "" {
		key |= 2
	}
	return key
}

// number counts from 1.
func (n *numbering) number(text string) uint64 {
	number, known := n.texts[text]
	if !known {
		number = uint64(len(n.texts)) + 1
		n.texts[text] = number
	}
	return number
}
