package peer

import (
	"reflect"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
)

// LHC-24: a word is news if anything in it differs that a decision reads: each field
// but the number, the ages and the echoed numbers.
func TestDifferSeesEachField(t *testing.T) {
	age := site.Duration(time.Second)
	full := func() wire.Facts {
		return wire.Facts{Heard: []wire.Heard{{FQDN: "a", Seq: 1}}, FrontIdle: &age}
	}
	quiet := map[string]bool{"Seq": true, "ConfigAge": true}
	for i := range reflect.TypeFor[wire.Facts]().NumField() {
		name := reflect.TypeFor[wire.Facts]().Field(i).Name
		changed := full()
		poke(reflect.ValueOf(&changed).Elem().Field(i))
		if got := differ(full(), changed); got == quiet[name] {
			t.Errorf("%s: got %t, want %t", name, got, !quiet[name])
		}
	}
	older, later := full(), full()
	later.Heard[0].Seq++
	idle := 2 * age
	later.FrontIdle = &idle
	if differ(older, later) {
		t.Error("an echoed number, or the age of the front's word, is taken for news")
	}
}

// poke gives a field another value.
func poke(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.Struct:
		poke(v.Field(0))
	default:
		v.SetZero()
	}
}
