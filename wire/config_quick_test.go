package wire

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"understudy/site"
)

// drawQuick draws objects of the kinds that are written without encoding/json.
func drawQuick(t *rapid.T) ConfigObject {
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9.<>&' -]{0,8}`), rapid.String())
	number := rapid.IntRange(-3, 1<<40)
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return ConfigObject{Machine: &site.Machine{
			Name: site.FQDN(rapid.StringMatching(`[a-zA-Z0-9.]{0,9}`).Draw(t, "name")), Group: text.Draw(t, "group"), Zone: text.Draw(t, "zone"),
			AssignedUser: text.Draw(t, "user"), Capacity: number.Draw(t, "capacity"), Weight: number.Draw(t, "weight"), Maintenance: rapid.Bool().Draw(t, "maintenance"),
		}}
	case 1:
		return ConfigObject{User: &site.User{Name: text.Draw(t, "name"), Groups: rapid.SliceOfN(text, 0, 3).Draw(t, "groups")}}
	}
	return ConfigObject{Entitlement: &site.Entitlement{
		User: text.Draw(t, "user"), UserGroup: text.Draw(t, "group"), Desktop: text.Draw(t, "desktop"), Application: text.Draw(t, "application"),
	}}
}

// LHC-01: whichever way an object is written and read, it is the same.
func TestQuickWayIsTheOrdinaryWay(t *testing.T) {
	reader := newQuickReader(ConfigHeader{})
	rapid.Check(t, func(t *rapid.T) {
		o := drawQuick(t)
		want, err := o.ordinary()
		if err != nil {
			t.Fatal(err)
		}
		line, quick := appendQuick(nil, o)
		if quick && string(line) != string(want) {
			t.Fatalf("got %s, want %s", line, want)
		}
		got, quick := reader.read(want)
		if !quick {
			return
		}
		var l configLine
		if err := (&ConfigReader{}).decode(want, &l); err != nil {
			t.Fatalf("the quick way takes %s, the ordinary one says: %v", want, err)
		}
		if !reflect.DeepEqual(got, l.ConfigObject) {
			t.Fatalf("got %+v of %s, want %+v", got, want, l.ConfigObject)
		}
	})
}

// LHC-01: plain objects do go the quick way, else nobody would notice that it is of
// no use; a line in any other form goes the ordinary one.
func TestQuickWayTakesPlainLines(t *testing.T) {
	for line, quick := range map[string]bool{
		`{"machine":{"name":"a.test","group":"g","zone":"z","capacity":3}}`:  true,
		`{"user":{"name":"ada","groups":["a","b"]}}`:                         true,
		`{"user":{"name":"ada"}}`:                                            true,
		`{"entitlement":{"user_group":"g","application":"x"}}`:               true,
		`{"machine":{"name":"A.test","group":"g","zone":"z"}}`:               false,
		`{"machine":{"group":"g","name":"a.test","zone":"z"}}`:               false,
		`{"machine":{"name":"a.test","group":"g","zone":"z","capacity":03}}`: false,
		`{"machine":{"name":"a.test","group":"g","zone":"z"},"user":null}`:   false,
		`{"user":{"name":"ada","groups":["b","a"]}}`:                         false,
		`{"user":{"name":"\u0061da"}}`:                                       false,
		`{"user":{"name":"ada","groups":[]}}`:                                false,
		`{"entitlement":{"application":"x","user_group":"g"}}`:               false,
		`{"entitlement":{"user":"u","application":"x"}} `:                    false,
		`{"entitlement":{"user":"u","application":"x"`:                       false,
	} {
		if _, got := newQuickReader(ConfigHeader{}).read([]byte(line + "\n")); got != quick {
			t.Errorf("%s: got %t, want %t", line, got, quick)
		}
	}
}

// Whoever gives these types a field gives it to the quick way, too.
func TestQuickWayKnowsAllFields(t *testing.T) {
	for _, c := range []struct {
		of   any
		want string
	}{
		{site.Machine{}, "Name Group Zone AssignedUser Capacity Weight Maintenance"},
		{site.User{}, "Name Groups"},
		{site.Entitlement{}, "User UserGroup Desktop Application"},
	} {
		var names []string
		for f := range reflect.TypeOf(c.of).Fields() {
			names = append(names, f.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%T has the fields %s; config_quick.go knows %s", c.of, got, c.want)
		}
	}
}
