package events_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"understudy/events"
)

var update = flag.Bool("update", false, "rewrite the table in docs/events.md")

// The table of the page stands between these two lines.
const (
	page       = "../docs/events.md"
	tableBegin = "<!-- table: go test ./events -update -->\n"
	tableEnd   = "<!-- end of table -->\n"
)

// LHC-24: "an operator can read who was elected, when and why" needs a page that
// says what each event means, and that page is the catalogue's own.
func TestEventPage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	got, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	want := table()
	if got == want {
		return
	}
	if !*update {
		t.Fatalf("the table in %s is not the catalogue's; go test ./events -update rewrites it", page)
	}
	if err := os.WriteFile(page, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func table() string {
	var b strings.Builder
	b.WriteString("| code | event | severity | meaning |\n|---|---|---|---|\n")
	for _, k := range events.Catalogue() {
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", k.Code, k.Name, k.Severity, k.Meaning)
	}
	return b.String()
}

// What there is to do about a warning or an error is in docs/operations.md.
func TestOperationsPageNamesEveryWarning(t *testing.T) {
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range events.Catalogue() {
		if k.Severity != events.Info && !strings.Contains(string(text), "| `"+string(k.Name)+"` |") {
			t.Errorf("docs/operations.md does not say what to do about %s", k.Name)
		}
	}
}
