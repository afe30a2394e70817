package site

// Gaps counts what of the index is of no use.
func (x *Index) Gaps() int {
	used := len(x.users) + len(x.ofUserGroups)
	for _, w := range x.who {
		used += int(w.end - w.begin)
	}
	return len(x.who) + len(x.granted) - used
}
