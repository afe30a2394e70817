package wire_test

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"understudy/site"
	"understudy/wire"
)

var version = site.Version{History: "20260101T000000Z-abcd", Number: 7}

func smallSite() *site.Site {
	return &site.Site{
		Name:       "example",
		Zones:      []site.Zone{{Name: "berlin", Settings: site.Settings{Deadline: 5e8}}, {Name: "paris"}},
		Connectors: []site.Connector{{FQDN: "cc01.example.test", Zone: "berlin", ClientURL: "http://127.0.0.1:7480", PeerURL: "http://127.0.0.1:7489"}},
		Groups:     []site.DeliveryGroup{{Name: "staff <&>", Kind: site.Pooled, Zones: []string{"paris", "berlin"}, Desktop: "Staff"}},
		Machines:   []site.Machine{{Name: "vda1.example.test", Group: "staff <&>", Zone: "berlin"}, {Name: "vda2.example.test", Group: "staff <&>", Zone: "paris", Capacity: 1}},
		Users:      []site.User{{Name: "alice", Groups: []string{"sales", "all"}}},
		Entitlements: []site.Entitlement{
			{User: "alice", Desktop: "staff <&>"}, {UserGroup: "all", Desktop: "staff <&>"},
		},
	}
}

func stream(t testing.TB, s *site.Site) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wire.WriteConfig(&b, s, version); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compress makes a stream of lines that WriteConfig would not write.
func compress(t testing.TB, lines string) io.Reader {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(z, lines); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func plain(t testing.TB, compressed []byte) string {
	t.Helper()
	z, err := zstd.NewReader(bytes.NewReader(compressed))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConfigHeaderAndDigest(t *testing.T) {
	s := smallSite()
	c, err := wire.NewConfigReader(bytes.NewReader(stream(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	h := c.Header()
	if h.Schema != wire.ConfigSchema || h.Site != "example" || h.Version != version || h.Counts["machines"] != 2 || h.Counts["applications"] != 0 {
		t.Errorf("got header %+v", h)
	}
	for {
		if _, err = c.Next(); err != nil {
			break
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if got, want := c.Digest(), wire.Digest(s); got != want {
		t.Errorf("got digest %s, want %s", got, want)
	}
	if _, err := c.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end got %v, want EOF", err)
	}
}

func TestConfigRoundTripsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSite(t)
		var b bytes.Buffer
		if err := wire.WriteConfig(&b, s, version); err != nil {
			t.Fatal(err)
		}
		got, header, err := wire.ReadConfig(&b)
		if err != nil {
			t.Fatal(err)
		}
		if header.Version != version {
			t.Fatalf("got version %v", header.Version)
		}
		byText := cmpopts.SortSlices(func(a, b string) bool { return a < b })
		if diff := cmp.Diff(s, got, cmpopts.EquateEmpty(), byText); diff != "" {
			t.Fatalf("round trip (-want +got):\n%s", diff)
		}
		if a, b := wire.Digest(s), wire.Digest(shuffle(t, s)); a != b {
			t.Fatalf("digest depends on the order: %s, %s", a, b)
		}
	})
}

func TestDigestChangesWithContent(t *testing.T) {
	base := wire.Digest(smallSite())
	// NEW-04: a configuration that only contains more records is a changed one.
	if one, two := wire.Digest(smallSite(), contained(1)), wire.Digest(smallSite(), contained(2)); one == base || one == two {
		t.Error("the records that are contained do not change the digest")
	}
	changes := map[string]func(*site.Site){
		"name":        func(s *site.Site) { s.Name = "other" },
		"reuse":       func(s *site.Site) { s.ReuseInOutage = true },
		"setting":     func(s *site.Site) { s.Zones[1].Settings.Recovery = 1 },
		"maintenance": func(s *site.Site) { s.Machines[0].Maintenance = true },
		"removed":     func(s *site.Site) { s.Entitlements = s.Entitlements[:1] },
		"doubled":     func(s *site.Site) { s.Users = append(s.Users, s.Users[0]) },
	}
	for name, change := range changes {
		s := smallSite()
		change(s)
		if wire.Digest(s) == base {
			t.Errorf("%s: the digest did not change", name)
		}
	}
}

// "A truncated, corrupted or newer-major configuration stream: the sync fails."
func TestConfigTruncatedAtEveryByte(t *testing.T) {
	whole := stream(t, smallSite())
	for n := range whole {
		_, _, err := wire.ReadConfig(bytes.NewReader(whole[:n]))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("cut at %d of %d bytes: got %v, want an unexpected EOF", n, len(whole), err)
		}
	}
}

func TestConfigCorruptAtEveryByte(t *testing.T) {
	want := smallSite()
	whole := stream(t, want)
	undetected := 0
	for i := range whole {
		bad := slices.Clone(whole)
		bad[i] ^= 0x10
		got, header, err := wire.ReadConfig(bytes.NewReader(bad))
		if err != nil {
			continue
		}
		undetected++
		if header.Version != version || wire.Digest(got) != wire.Digest(want) {
			t.Errorf("byte %d changed: another site was read without an error", i)
		}
	}
	// A few bits of zstd's own headers change nothing in what comes out.
	if undetected > len(whole)/50 {
		t.Errorf("%d changed bytes of %d were not noticed", undetected, len(whole))
	}
}

func TestConfigRefusesWhatIsNotAStream(t *testing.T) {
	text := plain(t, stream(t, smallSite()))
	lines := strings.SplitAfter(text, "\n")
	tests := []struct{ name, text, want string }{
		{"empty", "", "unexpected EOF"},
		{"html", "<html></html>\n", "invalid character"},
		{"blank line", lines[0] + "\n", "unexpected EOF"},
		{"bad schema", `{"schema":"one"}` + "\n", `schema "one" is not a version`},
		{"unknown header key", `{"schema":"1.0","sites":"x"}` + "\n", "sites"},
		{"unknown object", lines[0] + `{"printer":{}}` + "\n", "printer"},
		{"unknown field", lines[0] + `{"zone":{"name":"x","colour":"red"}}` + "\n", "colour"},
		{"no object", lines[0] + "{}\n", "no object, or several"},
		{"two objects", lines[0] + `{"zone":{"name":"x"},"user":{"name":"y"}}` + "\n", "no object, or several"},
		{"two values on a line", lines[0] + `{"zone":{"name":"x"}} {}` + "\n", "more than one JSON value"},
		{"bad name", lines[0] + `{"machine":{"name":"a b"}}` + "\n", `host name "a b"`},
		{"object removed", strings.Replace(text, lines[2], "", 1), "SHA-256"},
		{"too large", lines[0] + `{"user":{"name":"` + strings.Repeat("x", wire.MaxObject) + `"}}` + "\n", "larger than 1048576 bytes"},
		{"goes on", text + "{}\n", "goes on after the trailer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := wire.ReadConfig(compress(t, tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want …%s…", err, tt.want)
			}
		})
	}
	if _, _, err := wire.ReadConfig(strings.NewReader("<html>no zstd</html>")); err == nil {
		t.Error("HTML was read as a configuration")
	}
}

func TestConfigRefusesNewerMajorSchema(t *testing.T) {
	_, _, err := wire.ReadConfig(compress(t, `{"schema":"2.0","all":"different"}`+"\n"))
	schema, ok := errors.AsType[*wire.SchemaError](err)
	if !ok || schema.Schema != "2.0" {
		t.Fatalf("got %v, want a SchemaError of 2.0", err)
	}
	if got, want := schema.Error(), "the configuration has schema 2.0; this version reads 1.x"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func drawSite(t *rapid.T) *site.Site {
	text := rapid.StringMatching(`[a-zäß<>&"\\ ]{0,8}`)
	texts := rapid.SliceOfN(text, 0, 3)
	s := &site.Site{Name: text.Draw(t, "name"), ReuseInOutage: rapid.Bool().Draw(t, "reuse")}
	s.Zones = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) site.Zone {
		d := site.Duration(rapid.Int64Range(0, 1e12).Draw(t, "deadline"))
		return site.Zone{Name: text.Draw(t, "zone"), Settings: site.Settings{Deadline: d}}
	}), 0, 4).Draw(t, "zones")
	s.Groups = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) site.DeliveryGroup {
		return site.DeliveryGroup{Name: text.Draw(t, "group"), Kind: site.Pooled, Zones: texts.Draw(t, "zones"), ReuseInOutage: rapid.Bool().Draw(t, "reuse")}
	}), 0, 4).Draw(t, "groups")
	s.Machines = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) site.Machine {
		name := site.FQDN(rapid.StringMatching(`[a-z][a-z0-9]{0,5}(\.[a-z]{1,4})?`).Draw(t, "machine"))
		return site.Machine{Name: name, Group: text.Draw(t, "group"), Capacity: rapid.IntRange(0, 9).Draw(t, "capacity")}
	}), 0, 8).Draw(t, "machines")
	s.Applications = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) site.Application {
		return site.Application{Name: text.Draw(t, "application"), Groups: texts.Draw(t, "groups")}
	}), 0, 4).Draw(t, "applications")
	s.Users = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) site.User {
		return site.User{Name: text.Draw(t, "user"), Groups: texts.Draw(t, "groups")}
	}), 0, 4).Draw(t, "users")
	s.Entitlements = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) site.Entitlement {
		return site.Entitlement{User: text.Draw(t, "user"), Desktop: text.Draw(t, "desktop")}
	}), 0, 4).Draw(t, "entitlements")
	return s
}

func shuffle(t *rapid.T, s *site.Site) *site.Site {
	c := *s
	c.Zones = rapid.Permutation(s.Zones).Draw(t, "zones order")
	c.Groups = rapid.Permutation(s.Groups).Draw(t, "groups order")
	c.Machines = rapid.Permutation(s.Machines).Draw(t, "machines order")
	c.Applications = rapid.Permutation(s.Applications).Draw(t, "applications order")
	c.Users = rapid.Permutation(s.Users).Draw(t, "users order")
	c.Entitlements = rapid.Permutation(s.Entitlements).Draw(t, "entitlements order")
	for i := range c.Groups {
		c.Groups[i].Zones = rapid.Permutation(c.Groups[i].Zones).Draw(t, "zones of group")
	}
	for i := range c.Users {
		c.Users[i].Groups = rapid.Permutation(c.Users[i].Groups).Draw(t, "groups of user")
	}
	return &c
}

// NEW-05: a stream with more objects than its header says is not read to its end, which
// may never come.
func TestConfigStopsAtTheHeadersCounts(t *testing.T) {
	lines := strings.SplitAfter(plain(t, stream(t, smallSite())), "\n")
	object := lines[1]
	c, err := wire.NewConfigReader(compress(t, lines[0]+strings.Repeat(object, 1000)))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = c.Next()
	}
	if c.Objects() > 100 || !strings.Contains(err.Error(), "or more, the header says") {
		t.Errorf("%d objects were read: %v", c.Objects(), err)
	}
}
