package sim

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// Issue 3: the numbered list in ARCHITECTURE.md is that of the rules that are
// checked, each with its requirement.
func TestRulesAreListed(t *testing.T) {
	page, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## Invariants of the simulation\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "| S") {
			listed = append(listed, line)
		}
	}
	if len(listed) != len(rules) {
		t.Fatalf("the page lists %d invariants, and %d are checked", len(listed), len(rules))
	}
	for i, r := range rules {
		want := fmt.Sprintf("| S%d | `%s` | %s%s | ", i+1, r.name, strings.ToUpper(r.says[:1]), r.says[1:])
		if !strings.HasPrefix(listed[i], want) || !strings.ContainsAny(strings.TrimPrefix(listed[i], want), "0123456789") {
			t.Errorf("invariant S%d is listed as\n%swant\n%s…", i+1, listed[i], want)
		}
	}
}
