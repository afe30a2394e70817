package localdb_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// strange is a valid site of many objects, with texts of all lengths and characters.
func strange() *site.Site {
	s := site.Generate(4_500, 300, 1)
	for i := range s.Users {
		text := fmt.Sprintf("%d \x00'\"\\;,[]<>& ü € 😀 %s", i, strings.Repeat("x", i*i%6_000))
		s.Users[i].Groups = append(s.Users[i].Groups, text, text+"\x00")
		s.Entitlements = append(s.Entitlements, site.Entitlement{UserGroup: text, Desktop: s.Groups[0].Name})
	}
	return s
}

// LHC-02: "Only after it is complete and verified": whatever texts a site has, all of
// it is in the file, which a start that knows nothing of it reads and verifies.
func TestAnyTextIsKept(t *testing.T) {
	dir, want := t.TempDir(), strange()
	s := start(t, dir, want)
	expectSite(t, s, want, version(1))
	shut(t, s)
	if err := os.Remove(filepath.Join(dir, "CURRENT")); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, dir)
	expectSite(t, again, want, version(1))
}

// LHC-02: what is written while it comes is not kept when the rest does not come.
func TestCutStreamLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	whole := stream(t, strange(), version(1))
	for _, part := range []int{8, 4, 2, 1} {
		r, err := wire.NewConfigReader(bytes.NewReader(whole[:len(whole)-len(whole)/part/2]))
		if err == nil {
			_, err = s.Build(t.Context(), r, "test")
		}
		if err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
			t.Errorf("cut by 1/%d: error %v, want one of the end", 2*part, err)
		}
		if got := files(t, dir, "building-"); len(got) != 0 {
			t.Errorf("cut by 1/%d: scratch files %v are left", 2*part, got)
		}
	}
}

// LHC-02: a file that holds anything else than what was judged is not used.
func TestEachRowIsCompared(t *testing.T) {
	for _, change := range []string{
		"",
		"UPDATE machines SET name = 'other' WHERE id = 7",
		"UPDATE machines SET zone = '' WHERE id = 200",
		"UPDATE machines SET capacity = capacity + 1 WHERE id = 1",
		"UPDATE machines SET weight = 'heavy' WHERE id = 2",
		"UPDATE machines SET maintenance = 1 - maintenance WHERE id = 100",
		"DELETE FROM machines WHERE id = 200",
		"DELETE FROM machines",
		"DELETE FROM machines WHERE id = 50",
		"UPDATE machines SET id = 201 WHERE id = 50",
		"UPDATE machines SET id = 201 WHERE id = 200",
		"INSERT INTO machines SELECT 201, name, delivery_group, zone, assigned_user, capacity, weight, maintenance FROM machines WHERE id = 1",
		"UPDATE users SET name = name || char(0) WHERE id = 3",
		"UPDATE users SET member_of = '[]' WHERE id = 100",
		"UPDATE users SET name = x'00' WHERE id = 100",
		"UPDATE entitlements SET id = 0 WHERE id = 1",
		"UPDATE entitlements SET user_group = 'all' WHERE id = 1",
		"UPDATE entitlements SET desktop = 'other' WHERE id = 1",
		"UPDATE entitlements SET application = 'other' WHERE id = 1",
	} {
		dir := t.TempDir()
		s := start(t, dir, site.Generate(200, 100, 1))
		c, _ := s.Current()
		want := c.Site() // its lists are in order
		c.Release()
		shut(t, s)
		path := fileOf(t, dir, version(1))
		execute(t, path, change)
		if err := localdb.CompareLong(t.Context(), path, want); (err == nil) != (change == "") {
			t.Errorf("after %q: error %v", change, err)
		}
		touched := map[string][]int{"machines": {0, 1, 6, 99, 199}, "users": {2, 99}, "entitlements": {0}}
		if err := localdb.CompareTouched(t.Context(), path, want, touched); (err == nil) != (change == "") {
			t.Errorf("after %q, by what was touched: error %v", change, err)
		}
	}
}

func execute(t testing.TB, path, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
