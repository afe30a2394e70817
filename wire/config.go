package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"unsafe"

	"understudy/site"
)

// ConfigSchema is the version of the configuration stream that we write, and the
// newest that we know completely.
const ConfigSchema = "1.2"

const (
	schemaMajor = 1
	schemaMinor = 2
)

// ConfigHeader is the first line of a configuration stream.
type ConfigHeader struct {
	Schema        string        `json:"schema"`
	Site          string        `json:"site"`
	ReuseInOutage bool          `json:"reuse_in_outage,omitempty"`
	MaxSessions   int           `json:"max_sessions,omitempty"`
	STAFailover   site.Failover `json:"sta_failover,omitempty"`
	// Base is set in a delta: the version that its changes are to be applied to.
	Base    site.Version `json:"base,omitzero"`
	Version site.Version `json:"version"`
	// Counts says how many objects of each kind follow: zones, connectors, groups,
	// machines, applications, users, entitlements; in a delta, how many there are after
	// it.
	Counts map[string]int `json:"counts"`
	// Records names the last durable record of each journal that this
	// configuration contains.
	Records []ContainedRecord `json:"records,omitempty"`
}

// Bare is the site without the objects that follow the header.
func (h ConfigHeader) Bare() *site.Site {
	return &site.Site{Name: h.Site, ReuseInOutage: h.ReuseInOutage, MaxSessions: h.MaxSessions, STAFailover: h.STAFailover}
}

// Room is an empty list with room for as many objects of a kind as the header says,
// as long as that is not absurd.
func Room[T any](h ConfigHeader, kind string) []T {
	n := min(h.Counts[kind], maxRoom)
	if n <= 0 {
		return nil
	}
	room := make([]T, n)
	touch(room)
	return room[:0]
}

// touch writes into each page of a new list. A garbage collection looks at all of it,
// also where nothing is yet: a page that was read before it is written is mapped twice,
// and the second time all other processors wait. As bytes, no write barrier reads first.
func touch[T any](list []T) {
	const page = 4096
	begin, size := unsafe.Pointer(unsafe.SliceData(list)), uintptr(len(list))*unsafe.Sizeof(list[0])
	for at := uintptr(0); at < size; at += page {
		*(*byte)(unsafe.Add(begin, at)) = 0
	}
}

const maxRoom = 1 << 19

func headerOf(s *site.Site, v site.Version, contained []ContainedRecord) ConfigHeader {
	return ConfigHeader{
		Schema: ConfigSchema, Site: s.Name, ReuseInOutage: s.ReuseInOutage, MaxSessions: s.MaxSessions, STAFailover: s.STAFailover,
		Version: v, Counts: ConfigCounts(s), Records: contained,
	}
}

// ContainedRecord is the last durable record of one journal that a configuration
// contains.
type ContainedRecord struct {
	Origin   site.FQDN `json:"origin"`
	Journal  string    `json:"journal"`
	Sequence uint64    `json:"sequence"`
}

// ConfigObject is one line between header and trailer: exactly one field is set.
type ConfigObject struct {
	Zone        *site.Zone          `json:"zone,omitempty"`
	Connector   *site.Connector     `json:"connector,omitempty"`
	Group       *site.DeliveryGroup `json:"group,omitempty"`
	Machine     *site.Machine       `json:"machine,omitempty"`
	Application *site.Application   `json:"application,omitempty"`
	User        *site.User          `json:"user,omitempty"`
	Entitlement *site.Entitlement   `json:"entitlement,omitempty"`
}

// configTrailer is the last line: the SHA-256 of every byte before it, and the
// digest of the content. It shares the line type with the objects, so that one
// decoding tells them apart.
type configTrailer struct {
	SHA256 string `json:"sha256"`
	Digest string `json:"digest"`
}

type configLine struct {
	ConfigObject
	Deleted bool           `json:"deleted,omitempty"`
	Trailer *configTrailer `json:"trailer,omitempty"`
}

// Kind names the kind of the object as the header's counts do; it is empty unless
// exactly one field is set.
func (o ConfigObject) Kind() string {
	kind, set := "", 0
	for _, f := range o.fields() {
		if f.set {
			kind = f.kind
			set++
		}
	}
	if set != 1 {
		return ""
	}
	return kind
}

type configField struct {
	kind string
	set  bool
}

func (o ConfigObject) fields() [7]configField {
	return [...]configField{
		{"zones", o.Zone != nil},
		{"connectors", o.Connector != nil},
		{"groups", o.Group != nil},
		{"machines", o.Machine != nil},
		{"applications", o.Application != nil},
		{"users", o.User != nil},
		{"entitlements", o.Entitlement != nil},
	}
}

// AddTo appends the object to the site.
func (o ConfigObject) AddTo(s *site.Site) {
	s.Zones = appendSet(s.Zones, o.Zone)
	s.Connectors = appendSet(s.Connectors, o.Connector)
	s.Groups = appendSet(s.Groups, o.Group)
	s.Machines = appendSet(s.Machines, o.Machine)
	s.Applications = appendSet(s.Applications, o.Application)
	s.Users = appendSet(s.Users, o.User)
	s.Entitlements = appendSet(s.Entitlements, o.Entitlement)
}

func appendSet[T any](list []T, v *T) []T {
	if v == nil {
		return list
	}
	return append(list, *v)
}

// canonical is the object's one JSON form, whatever the order of its lists: it is
// what the stream carries and what the digest is made of.
func (o ConfigObject) canonical() ([]byte, error) {
	if line, ok := appendQuick(nil, o); ok {
		return line, nil
	}
	return o.ordinary()
}

// ordinary is canonical by way of encoding/json.
func (o ConfigObject) ordinary() ([]byte, error) {
	switch {
	case o.Group != nil:
		g := *o.Group
		g.Zones = sorted(g.Zones)
		o.Group = &g
	case o.Application != nil:
		a := *o.Application
		a.Groups = sorted(a.Groups)
		o.Application = &a
	case o.User != nil:
		u := *o.User
		u.Groups = sorted(u.Groups)
		o.User = &u
	}
	return configJSON(o)
}

// sorted never returns nil: a list that is absent and one that is empty are the
// same content.
func sorted(list []string) []string {
	if slices.IsSorted(list) && list != nil {
		return list
	}
	list = append([]string{}, list...)
	slices.Sort(list)
	return list
}

func configJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode a line of the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// Objects goes through a site in the order of the stream.
func Objects(s *site.Site) iter.Seq[ConfigObject] {
	return func(yield func(ConfigObject) bool) {
		_ = each(s.Zones, func(v *site.Zone) bool { return yield(ConfigObject{Zone: v}) }) &&
			each(s.Connectors, func(v *site.Connector) bool { return yield(ConfigObject{Connector: v}) }) &&
			each(s.Groups, func(v *site.DeliveryGroup) bool { return yield(ConfigObject{Group: v}) }) &&
			each(s.Machines, func(v *site.Machine) bool { return yield(ConfigObject{Machine: v}) }) &&
			each(s.Applications, func(v *site.Application) bool { return yield(ConfigObject{Application: v}) }) &&
			each(s.Users, func(v *site.User) bool { return yield(ConfigObject{User: v}) }) &&
			each(s.Entitlements, func(v *site.Entitlement) bool { return yield(ConfigObject{Entitlement: v}) })
	}
}

func each[T any](list []T, do func(*T) bool) bool {
	for i := range list {
		if !do(&list[i]) {
			return false
		}
	}
	return true
}

// ConfigCounts returns how many objects of each kind a site has.
func ConfigCounts(s *site.Site) map[string]int {
	return map[string]int{
		"zones": len(s.Zones), "connectors": len(s.Connectors), "groups": len(s.Groups), "machines": len(s.Machines),
		"applications": len(s.Applications), "users": len(s.Users), "entitlements": len(s.Entitlements),
	}
}

// ObjectAt is the object at a place of the list that Validate's paths call so.
func ObjectAt(s *site.Site, list string, at int) ConfigObject {
	for _, k := range kinds() {
		if k.name == list {
			return k.at(s, at)
		}
	}
	return ConfigObject{}
}

// Kinds lists the kinds of objects by their names in the header's counts, in the
// order of the stream.
func Kinds() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}
