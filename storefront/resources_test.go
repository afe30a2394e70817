package storefront

import (
	"bytes"
	"encoding/json"
	"testing"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// LHC-30: "answers enumeration": with sessions and without, the first time and the
// next, the answer is the one that docs/api.md describes.
func TestResourcesAnswerIsTheOrdinaryOne(t *testing.T) {
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9.<>&' -]{0,8}`), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		want := wire.ResourcesAnswer{Resources: []wire.Resource{}}
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) broker.Resource {
			r := &site.Resource{ID: text.Draw(t, "id"), Name: text.Draw(t, "name"), Kind: text.Draw(t, "kind")}
			r.Groups = rapid.SliceOfN(text, 0, 2).Draw(t, "groups")
			r.Zones = rapid.SliceOfN(text, 0, 2).Draw(t, "zones")
			return broker.Resource{Resource: r, Memo: new(site.Memo)}
		}), 0, 20).Draw(t, "resources")
		for i := range list {
			r := &list[i]
			resourceLine(*r) // kept before the user has a session
			r.Session = rapid.SampledFrom([]string{"", "s<1"}).Draw(t, "session")
			w := wire.Resource{ID: r.ID, Name: r.Name, Kind: r.Kind, Zones: r.Zones, Session: r.Session}
			if len(r.Groups) > 0 {
				w.Group = r.Groups[0]
			}
			want.Resources = append(want.Resources, w)
		}
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(want); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := appendResources(nil, list); string(got) != b.String() {
				t.Fatalf("got %s, want %s", got, &b)
			}
		}
	})
}
