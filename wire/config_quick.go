package wire

import (
	"bytes"
	"slices"
	"strconv"

	"understudy/site"
)

// Nearly all lines of a configuration are machines, users and entitlements in plain
// words. These are written and read here without encoding/json; what is not quite
// plain goes the ordinary way. A line that was read so counts only if writing what
// was read gives the same bytes again.

// appendQuick appends the canonical line of an object; it reports false for one that
// must go the ordinary way.
func appendQuick(b []byte, o ConfigObject) ([]byte, bool) {
	w := quickWriter{b: b, plain: true}
	switch {
	case o.Machine != nil:
		w.machine(o.Machine)
	case o.User != nil:
		w.user(o.User)
	case o.Entitlement != nil:
		w.entitlement(o.Entitlement)
	default:
		return b, false
	}
	return w.b, w.plain
}

// quickWriter writes the fields of an object in the order of its type.
type quickWriter struct {
	b     []byte
	plain bool // no text needed an escape
}

func (w *quickWriter) machine(m *site.Machine) {
	w.add(`{"machine":{"name":`)
	w.text(string(m.Name))
	w.add(`,"group":`)
	w.text(m.Group)
	w.add(`,"zone":`)
	w.text(m.Zone)
	w.field(`,"assigned_user":`, m.AssignedUser)
	w.number(`,"capacity":`, m.Capacity)
	w.number(`,"weight":`, m.Weight)
	if m.Maintenance {
		w.add(`,"maintenance":true`)
	}
	w.add("}}\n")
}

func (w *quickWriter) user(u *site.User) {
	w.add(`{"user":{"name":`)
	w.text(u.Name)
	groups := u.Groups
	if !slices.IsSorted(groups) {
		groups = sorted(groups)
	}
	for i, g := range groups {
		if i == 0 {
			w.add(`,"groups":[`)
		} else {
			w.add(`,`)
		}
		w.text(g)
	}
	if len(groups) > 0 {
		w.add(`]`)
	}
	w.add("}}\n")
}

func (w *quickWriter) entitlement(e *site.Entitlement) {
	w.add(`{"entitlement":{`)
	begun := len(w.b)
	w.field(`,"user":`, e.User)
	w.field(`,"user_group":`, e.UserGroup)
	w.field(`,"desktop":`, e.Desktop)
	w.field(`,"application":`, e.Application)
	if len(w.b) > begun {
		w.b = slices.Delete(w.b, begun, begun+1) // the first comma
	}
	w.add("}}\n")
}

func (w *quickWriter) add(text string) { w.b = append(w.b, text...) }

func (w *quickWriter) field(name, value string) {
	if value != "" {
		w.add(name)
		w.text(value)
	}
}

func (w *quickWriter) number(name string, value int) {
	if value != 0 {
		w.add(name)
		w.b = strconv.AppendInt(w.b, int64(value), 10)
	}
}

func (w *quickWriter) text(s string) {
	for i := range len(s) {
		if !isPlain(s[i]) {
			w.plain = false
			return
		}
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, s...)
	w.b = append(w.b, '"')
}

// isPlain reports whether a byte stands for itself in JSON, whoever writes it.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// quickReader reads lines that appendQuick could have written. Names that come
// again and again share their memory.
type quickReader struct {
	rest  []byte
	fails bool
	names map[string]string
	last  [fieldCount]string // of each field that holds names
	again []byte             // the line that the object would give
	list  []string
	// reuse says that nobody needs an object any more when the next is read.
	reuse       bool
	machineRead site.Machine
	userRead    site.User
	entitled    site.Entitlement
}

// The fields whose names are likely to be those of the object before.
const (
	fieldGroup = iota
	fieldZone
	fieldUser
	fieldUserGroups
	fieldEntitled // four of them
	fieldCount    = fieldEntitled + 4
)

func newQuickReader(h ConfigHeader) *quickReader {
	names := max(h.Counts["users"], 0) + max(h.Counts["groups"], 0) + max(h.Counts["applications"], 0)
	if !h.Base.IsZero() {
		names = 0 // only some of them come
	}
	return &quickReader{names: make(map[string]string, min(names, maxNames))}
}

// read returns the object of a line, or false: then the ordinary way decides.
func (r *quickReader) read(line []byte) (ConfigObject, bool) {
	r.rest, r.fails = line, false
	var o ConfigObject
	switch {
	case r.take(`{"machine":{"name":`):
		o.Machine = r.machine()
	case r.take(`{"entitlement":{`):
		o.Entitlement = r.entitlement()
	case r.take(`{"user":{"name":`):
		o.User = r.user()
	default:
		return o, false
	}
	if r.fails {
		return ConfigObject{}, false
	}
	var plain bool
	r.again, plain = appendQuick(r.again[:0], o)
	if !plain || !bytes.Equal(r.again, line) {
		return ConfigObject{}, false
	}
	return o, true
}

func (r *quickReader) machine() *site.Machine {
	m := fresh(r, &r.machineRead)
	m.Name = site.FQDN(r.text())
	canonical, err := site.ParseFQDN(string(m.Name))
	r.fails = r.fails || err != nil || canonical != m.Name
	if r.take(`,"group":`) {
		m.Group = r.name(fieldGroup)
	}
	if r.take(`,"zone":`) {
		m.Zone = r.name(fieldZone)
	}
	if r.take(`,"assigned_user":`) {
		m.AssignedUser = r.text()
	}
	if r.take(`,"capacity":`) {
		m.Capacity = r.number()
	}
	if r.take(`,"weight":`) {
		m.Weight = r.number()
	}
	m.Maintenance = r.take(`,"maintenance":true`)
	return m
}

func (r *quickReader) user() *site.User {
	u := fresh(r, &r.userRead)
	u.Name = r.name(fieldUser)
	if !r.take(`,"groups":[`) {
		return u
	}
	r.list = r.list[:0]
	for !r.fails {
		r.list = append(r.list, r.name(fieldUserGroups))
		if !r.take(`,`) {
			break
		}
	}
	u.Groups = slices.Clone(r.list)
	return u
}

func (r *quickReader) entitlement() *site.Entitlement {
	e := fresh(r, &r.entitled)
	for i, f := range [...]struct {
		name string
		into *string
	}{{`"user":`, &e.User}, {`"user_group":`, &e.UserGroup}, {`"desktop":`, &e.Desktop}, {`"application":`, &e.Application}} {
		if r.take(f.name) {
			*f.into = r.name(fieldEntitled + i)
			r.take(`,`)
		}
	}
	return e
}

// fresh is an empty object, the one before where that may be used again.
func fresh[T any](r *quickReader, before *T) *T {
	if !r.reuse {
		return new(T)
	}
	*before = *new(T)
	return before
}

// take goes past a text, if it comes next.
func (r *quickReader) take(text string) bool {
	if len(r.rest) < len(text) || string(r.rest[:len(text)]) != text {
		return false
	}
	r.rest = r.rest[len(text):]
	return true
}

func (r *quickReader) raw() []byte {
	if !r.take(`"`) {
		r.fails = true
		return nil
	}
	end := bytes.IndexByte(r.rest, '"')
	if end < 0 {
		r.fails = true
		return nil
	}
	text := r.rest[:end]
	r.rest = r.rest[end+1:]
	return text
}

func (r *quickReader) text() string { return string(r.raw()) }

// maxNames bounds what is kept of names.
const maxNames = 1 << 17

// name is a text that other objects are likely to name, too.
func (r *quickReader) name(field int) string {
	text := r.raw()
	if string(text) != r.last[field] {
		r.last[field] = r.shared(text)
	}
	return r.last[field]
}

func (r *quickReader) shared(text []byte) string {
	if known, ok := r.names[string(text)]; ok {
		return known
	}
	name := string(text)
	if len(r.names) < maxNames {
		r.names[name] = name
	}
	return name
}

func (r *quickReader) number() int {
	digits := 0
	for digits < len(r.rest) && (r.rest[digits] >= '0' && r.rest[digits] <= '9' || r.rest[digits] == '-') {
		digits++
	}
	n, err := strconv.Atoi(string(r.rest[:digits]))
	r.fails = r.fails || err != nil
	r.rest = r.rest[digits:]
	return n
}
