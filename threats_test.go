package understudy_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Issue 6, 5: a threat model "which test shows it": the tests and parts of tests that
// docs/threat-model.md names exist, and each row of its first two tables names one.
func TestThreatModelNamesTestsThatExist(t *testing.T) {
	page, err := os.ReadFile("docs/threat-model.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)(?:/([^`]+))?`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 40 {
		t.Errorf("the page names only %d tests", len(named))
	}
	source := allTests(t)
	for _, n := range named {
		if !strings.Contains(source, "func "+n[1]+"(") {
			t.Errorf("the page names %s, which does not exist", n[1])
		}
		part := strings.ReplaceAll(n[2], "_", " ")
		if part != "" && !strings.Contains(source, `{"`+part+`", `) {
			t.Errorf("the page names %s of %s, which does not exist", part, n[1])
		}
	}
	tables, _, _ := strings.Cut(string(page), "\n## Bounds")
	for row := range strings.Lines(tables) {
		if strings.HasPrefix(row, "| ") && !strings.Contains(row, "shown by") && !strings.Contains(row, "`Test") {
			t.Errorf("nothing shows %s", row)
		}
	}
}
