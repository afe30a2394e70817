package site_test

import (
	"encoding/json"
	"strings"
	"testing"

	"understudy/site"
)

// maxFault bounds what a fault of a name quotes of it.
const maxFault = 1000

// LHC-21: names compare in one form. What is taken as a name is in that form, and
// nobody's name reads as two.
func FuzzFQDN(f *testing.F) {
	for _, seed := range []string{"CC10.Example.Test.", "a..b", "-a", "a_b", "ä.test", "a\x00", "\u212a.test", strings.Repeat("a", 5000), strings.Repeat("a", 64), strings.Repeat("a.", 127)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := site.ParseFQDN(text)
		var read site.FQDN
		readErr := read.UnmarshalText([]byte(text))
		if text != "" && (readErr != nil) != (err != nil) || read != name {
			t.Errorf("parsed %q (%v), read %q (%v)", name, err, read, readErr)
		}
		if err != nil {
			if name != "" || len(err.Error()) > maxFault {
				t.Errorf("got %q with an error of %d bytes", name, len(err.Error()))
			}
			return
		}
		again, err := site.ParseFQDN(string(name))
		if err != nil || again != name || site.Canonical(text) != name || len(name) > 253 {
			t.Errorf("%q: got %q, and of that %q (%v)", text, name, again, err)
		}
		for label := range strings.SplitSeq(string(name), ".") {
			if label == "" || len(label) > 63 {
				t.Errorf("%q was taken as %q", text, name)
			}
		}
		if strings.ContainsFunc(string(name), func(r rune) bool {
			return r <= ' ' || r > '~' || r >= 'A' && r <= 'Z' || strings.ContainsRune("/:@?#%\\", r)
		}) {
			t.Errorf("%q was taken as %q", text, name)
		}
	})
}

// A duration is written as it is read.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"60s", "5m0s", "-1ns", "2562047h47m16.854775807s", "-2562047h47m16.854775808s", "1e3s", "9999999h", "", "60", ".5h", strings.Repeat("1h", 3000), strings.Repeat("9", 5000)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again site.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			if d != 0 || len(err.Error()) > maxFault {
				t.Errorf("got %s with an error of %d bytes", d, len(err.Error()))
			}
			return
		}
		written, err := d.MarshalText()
		if err == nil {
			err = again.UnmarshalText(written)
		}
		if err != nil || again != d {
			t.Errorf("%q was read as %d, written as %q, read again as %d (%v)", text, d, written, again, err)
		}
	})
}

// Versions have an order, and one text each.
func FuzzVersion(f *testing.F) {
	f.Add(`{"history":"20260101T000000Z-abcd","number":7}`, `{"history":"20260101T000000Z-abcd","number":10}`)
	f.Add(`{"number":18446744073709551615}`, `{"history":"\ud800"}`)
	f.Add(`{"history":"a-1","number":1}`, `{"history":"a","number":1.0}`)
	f.Fuzz(func(t *testing.T, x, y string) {
		var v, w, again site.Version
		if json.Unmarshal([]byte(x), &v) != nil || json.Unmarshal([]byte(y), &w) != nil {
			return
		}
		text, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(text, &again)
		}
		if err != nil || again != v {
			t.Errorf("%+v was written as %s and read as %+v (%v)", v, text, again, err)
		}
		if v.Compare(w) != -w.Compare(v) || (v.Compare(w) == 0) != (v == w) {
			t.Errorf("%+v and %+v: %d, the other way %d", v, w, v.Compare(w), w.Compare(v))
		}
		if v.History == w.History && v.String() == w.String() && v != w && !v.IsZero() && !w.IsZero() {
			t.Errorf("%+v and %+v are both shown as %s", v, w, v)
		}
	})
}
