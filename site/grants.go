package site

// grants finds entitlements that say the same. Of each of hundreds of thousands it
// keeps a number, and none of the texts.
type grants struct {
	numbers map[string]uint64
	whose   string // of the one before
	who     uint64
	first   map[uint64]int32
	odd     map[Entitlement]int32 // those that name too much
}

func newGrants(s *Site) *grants {
	return &grants{
		numbers: make(map[string]uint64, len(s.Users)+len(s.Groups)+len(s.Applications)),
		first:   make(map[uint64]int32, len(s.Entitlements)), odd: map[Entitlement]int32{},
	}
}

// add takes in the i-th entitlement and returns where the first is that says the same.
func (g *grants) add(e Entitlement, i int) int {
	e.User, e.UserGroup = UserKey(e.User), UserKey(e.UserGroup)
	if e.User != "" && e.UserGroup != "" || e.Desktop != "" && e.Application != "" {
		return firstAt(g.odd, e, i)
	}
	if whose := e.User + e.UserGroup; whose != g.whose || i == 0 {
		g.whose, g.who = whose, g.number(whose)
	}
	key := g.who<<33 | g.number(e.Desktop+e.Application)<<2
	if e.User == "" {
		key |= 1
	}
	if e.Desktop == "" {
		key |= 2
	}
	return firstAt(g.first, key, i)
}

func (g *grants) number(text string) uint64 {
	n, known := g.numbers[text]
	if !known {
		n = uint64(len(g.numbers))
		g.numbers[text] = n
	}
	return n
}

func firstAt[K comparable](first map[K]int32, key K, i int) int {
	if at, seen := first[key]; seen {
		return int(at)
	}
	first[key] = int32(i)
	return i
}
