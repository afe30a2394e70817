package doctor_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"understudy/doctor"
)

var update = flag.Bool("update", false, "rewrite the table of docs/doctor.md")

const (
	page  = "../docs/doctor.md"
	begin = "<!-- the catalogue: go test ./doctor -update -->\n"
	end   = "<!-- end -->\n"
)

// "Table of all checks with remedy": docs/doctor.md has the catalogue as it is.
func TestPageHasTheCatalogue(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), begin)
	got, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the catalogue", page)
	}
	want := table()
	if *update {
		if err := os.WriteFile(page, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("the table of %s is not the catalogue; rewrite it with go test ./doctor -update", page)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("\n| check | finding | | means | do |\n|---|---|---|---|---|\n")
	last := ""
	for _, k := range doctor.Catalogue() {
		check := k.Check
		if check == last {
			check = ""
		}
		last = k.Check
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s |\n", check, k.Name, k.Result, k.Means, k.Remedy)
	}
	return b.String() + "\n"
}
