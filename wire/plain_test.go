package wire

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/site"
)

// plainBodies are the kinds that are read without encoding/json.
func plainBodies() []plain {
	return []plain{&Registration{}, &Heartbeat{}, &ResourcesRequest{}, &LaunchRequest{}}
}

// filled gives every field of a body a value that it does not have by itself.
func filled(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("a.test")
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(9)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		filled(v.Index(0))
		filled(v.Index(1))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))
			return
		}
		for _, field := range v.Fields() {
			filled(field)
		}
	default:
		panic("a field of kind " + v.Kind().String() + " in a plain body")
	}
}

// Whoever gives these types a field gives it to the plain way, too: else every body
// would go the ordinary one.
func TestPlainWayKnowsAllFields(t *testing.T) {
	for _, into := range plainBodies() {
		want := reflect.New(reflect.TypeOf(into).Elem())
		filled(want.Elem())
		text, err := json.Marshal(want.Interface())
		if err != nil {
			t.Fatal(err)
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, text, "", "\t"); err != nil {
			t.Fatal(err)
		}
		for _, text := range [][]byte{text, spaced.Bytes()} {
			if !into.readPlain(text) || !reflect.DeepEqual(into, want.Interface()) {
				t.Errorf("%T: got %+v of %s", into, into, text)
			}
		}
	}
}

// Design 8: "errors are RFC 9457 problem details": what is not plain is judged by
// encoding/json, and leaves nothing behind.
func TestPlainWayLeavesTheRestAlone(t *testing.T) {
	for _, text := range []string{
		``, `null`, `[]`, `{`, `{"zone":"z"`, `{"zone":"z"}}`, `{"zone":"z"} {}`, `{"zone":"z",}`, `{"zone":"z" "used":true}`,
		`{"Zone":"z"}`, `{"zone":null}`, `{"zone":"\u0061"}`, `{"zone":"ä"}`, "{\"zone\":\"\t\"}", `{"zone":z}`, `{zone:"z"}`,
		`{"capacity":1.0}`, `{"capacity":1e3}`, `{"capacity":-1}`, `{"capacity":01}`, `{"capacity":}`, `{"term":18446744073709551616}`,
		`{"used":tru}`, `{"used":truex}`, `{"machine":"a..b"}`, `{"sessions":[{}],"sessions":[]}`, `{"sessions":[{}`, `{"sessions":[{},]}`,
		`{"sessions":[{"started":"2026-01-01"}]}`, `{"unknown":1}`,
	} {
		var r Registration
		if r.readPlain([]byte(text)) || !reflect.DeepEqual(r, Registration{}) {
			t.Errorf("%s: it was taken for plain, as %+v", text, r)
		}
	}
}

// Whichever way a body is read, it is the same.
func FuzzPlain(f *testing.F) {
	for _, seed := range []string{
		`{"machine":"P1.example.test.","zone":"","callback":"http://p1:1","capacity":1,"load":10000,"term":184467440737,"used":false,"sessions":[{"id":"s","user":"u","state":"active","started":"9999-12-31T23:59:59-23:59"},{}]}`,
		` { "load" : 0 , "load" : 3 , "sessions" : [ ] , "assigned_user" : "alice" } `,
		`{"user":"alice","groups":["a","b"],"resource":"desktop:x","client":{"name":"x"},"client":{"address":"y"}}`,
		`{"user":"alice","groups":[],"groups":["a"]}`,
		`{"sessions":[{"started":"2026-01-01T00:00:00.5+01:00"}],"sessions":[]}`,
	} {
		for kind := range plainBodies() {
			f.Add(uint8(kind), []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) {
		bodies := plainBodies()
		got := bodies[int(kind)%len(bodies)]
		if !got.readPlain(text) {
			return
		}
		want := reflect.New(reflect.TypeOf(got).Elem()).Interface()
		if err := decodeStrictly(text, Refuse, want); err != nil {
			t.Fatalf("the plain way takes %s; the ordinary one says %v", text, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	})
}

// Whichever way an answer is written, it is the same.
func TestPlainAnswersAreTheOrdinaryOnes(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9.<>&' -]{0,8}`), rapid.String())
	texts := rapid.SliceOfN(text, 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		wantOrdinary(t, Lease{
			Lease: text.Draw(t, "lease"), Broker: site.FQDN(text.Draw(t, "broker")), Term: rapid.Uint64().Draw(t, "term"),
			Interval: site.Duration(rapid.Int64().Draw(t, "interval")), Lifetime: site.Duration(rapid.Int64().Draw(t, "lifetime")),
			Connectors: texts.Draw(t, "connectors"), AssignedUser: text.Draw(t, "user"),
		})
		wantOrdinary(t, LaunchAnswer{
			Session: text.Draw(t, "session"), Machine: site.FQDN(text.Draw(t, "machine")), Address: text.Draw(t, "address"),
			Port: rapid.Int().Draw(t, "port"), Protocol: text.Draw(t, "protocol"), Reconnected: rapid.Bool().Draw(t, "reconnected"),
			Ticket: text.Draw(t, "ticket"), Authority: text.Draw(t, "authority"), Lifetime: site.Duration(rapid.Int64().Draw(t, "lifetime")),
		})
	})
}

func wantOrdinary(t *rapid.T, a plainAnswer) {
	t.Helper()
	var got, want bytes.Buffer
	if err := writeJSON(&got, a); err != nil {
		t.Fatal(err)
	}
	if err := json.NewEncoder(&want).Encode(a); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("got %s, want %s", &got, &want)
	}
}

// Whoever gives these types a field gives it to the plain way, too.
func TestPlainAnswersHaveAllFields(t *testing.T) {
	for _, a := range []any{&Lease{}, &LaunchAnswer{}} {
		v := reflect.ValueOf(a).Elem()
		filled(v)
		want, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		room := enter()
		if plain := room.line(a.(plainAnswer)); !plain || string(room.b) != string(want)+"\n" {
			t.Errorf("got %s (plain: %t), want %s", room.b, plain, want)
		}
	}
}
