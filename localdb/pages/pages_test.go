package pages_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"

	"understudy/localdb/pages"
)

type row struct {
	Name  string
	Also  string
	Count int64
}

// create makes a file with an empty table and returns the table's root.
func create(t testing.TB, path string, pageSize int) uint32 {
	t.Helper()
	db := openDB(t, path)
	defer db.Close()
	var root uint32
	for _, statement := range []string{
		fmt.Sprintf("PRAGMA page_size = %d", pageSize),
		"CREATE TABLE before (x TEXT); INSERT INTO before VALUES ('kept')",
		"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL, also TEXT, count INTEGER NOT NULL)",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 't'").Scan(&root); err != nil {
		t.Fatal(err)
	}
	return root
}

func openDB(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func write(t testing.TB, path string, root uint32, rows []row) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := pages.NewWriter(f)
	if err != nil {
		t.Fatal(err)
	}
	table := w.Table(root)
	var r pages.Row
	for _, v := range rows {
		r.Null()
		r.Text(v.Name)
		if v.Also == "" {
			r.Null()
		} else {
			r.Text(v.Also)
		}
		r.Int(v.Count)
		if err := table.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// bySQLite looks the file over and reads it with SQL.
func bySQLite(t testing.TB, path string) []row {
	t.Helper()
	db := openDB(t, path)
	defer db.Close()
	var verdict, kept string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Fatalf("integrity_check says %q (%v)", verdict, err)
	}
	if err := db.QueryRow("SELECT x FROM before").Scan(&kept); err != nil || kept != "kept" {
		t.Fatalf("what was there before: %q (%v)", kept, err)
	}
	found, err := db.Query("SELECT id, name, coalesce(also, ''), count FROM t ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var rows []row
	for found.Next() {
		var v row
		var id int
		if err := found.Scan(&id, &v.Name, &v.Also, &v.Count); err != nil {
			t.Fatal(err)
		}
		if rows = append(rows, v); id != len(rows) {
			t.Fatalf("row %d has the number %d", len(rows), id)
		}
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func byScan(t testing.TB, path string, root uint32) []row {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []row
	err = pages.Scan(f, root, func(_ int64, r *pages.Record) error {
		r.Skip()
		rows = append(rows, row{string(r.Text()), string(r.Text()), r.Int()})
		return r.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// LHC-02: what is written page by page is a table to SQLite, which finds no fault in
// it, and what is read page by page is what SQLite reads.
func TestTablesAreSQLites(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(r *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files))
		root := create(t, path, rapid.SampledFrom([]int{512, 1024, 4096, 65536}).Draw(r, "page size"))
		numbers := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-3, 3), rapid.Int64Range(-1<<47-1, 1<<47), rapid.Int64Range(-1<<23-1, 1<<23), rapid.Int64Range(-40000, 40000))
		long := rapid.SampledFrom([]int{0, 1, 50, 470, 3000, 70000})
		want := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) row {
			return row{rapid.String().Draw(r, "name") + strings.Repeat("x", long.Draw(r, "length")), rapid.String().Draw(r, "also"), numbers.Draw(r, "count")}
		}), 0, 40).Draw(r, "rows")
		write(t, path, root, want)
		if diff := cmp.Diff(want, bySQLite(t, path), cmp.Transformer("empty", func(l []row) []row { return append([]row{}, l...) })); diff != "" {
			r.Errorf("SQLite reads (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(bySQLite(t, path), byScan(t, path, root)); diff != "" {
			r.Errorf("page by page (-SQLite +got):\n%s", diff)
		}
	})
}

// LHC-02: the same for tables of several levels, and after SQLite changed them.
func TestDeepTables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	root := create(t, path, 512)
	want := make([]row, 30_000)
	for i := range want {
		want[i] = row{Name: fmt.Sprintf("row %d", i), Count: int64(i)}
	}
	write(t, path, root, want)
	if diff := cmp.Diff(want, bySQLite(t, path)); diff != "" {
		t.Errorf("SQLite reads (-want +got):\n%s", diff)
	}
	db := openDB(t, path)
	for _, statement := range []string{"DELETE FROM t WHERE id > 29000", "UPDATE t SET name = name || printf('%900s', 'x') WHERE id % 7 = 0"} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(bySQLite(t, path), byScan(t, path, root)); diff != "" {
		t.Errorf("page by page (-SQLite +got):\n%s", diff)
	}
}

// A file of a form that is not written here is left alone.
func TestRefusedForms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	db := openDB(t, path)
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA auto_vacuum = FULL; CREATE TABLE t (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := pages.NewWriter(f); err == nil {
		t.Error("a file with a map of its pages is written")
	}
}

// Whatever is in a file, reading it ends, with rows in order or an error.
func FuzzScan(f *testing.F) {
	path := filepath.Join(f.TempDir(), "file")
	root := create(f, path, 512)
	rows := make([]row, 300)
	for i := range rows {
		rows[i] = row{strings.Repeat("n", i*5), "", int64(i) << (i % 60)}
	}
	write(f, path, root, rows)
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte{0}, root)
	f.Add(16, []byte{0, 1}, root)
	f.Add(28, []byte{0xff, 0xff, 0xff, 0xff}, root)
	f.Add(512*int(root-1), []byte{leaf, 0, 0, 0xff, 0xff}, root)
	f.Add(512*int(root-1)+8, []byte{0, 0, 0, byte(root)}, root)
	f.Fuzz(func(t *testing.T, at int, patch []byte, root uint32) {
		if at < 0 || at > len(whole) {
			return
		}
		spoilt := append([]byte{}, whole...)
		copy(spoilt[at:], patch)
		last, size := int64(0), 0
		_ = pages.Scan(strings.NewReader(string(spoilt)), root, func(id int64, r *pages.Record) error {
			r.Skip()
			size += len(r.Text()) + len(r.Text())
			r.Int()
			if size > 0 && last != 0 && id <= last {
				t.Errorf("row %d comes after row %d", id, last)
			}
			last = id
			return nil
		})
		if size > 2*len(whole) {
			t.Errorf("%d bytes were read from a file of %d", size, len(whole))
		}
	})
}

const leaf = 0x0d
