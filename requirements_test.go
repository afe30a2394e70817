package understudy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// requirements are those of the specification that the product claims to meet.
// Each is quoted by number in at least one test, so that anyone can ask where it
// is proved and grep for the answer.
var requirements = []string{
	"LHC-01", "LHC-02", "LHC-03", "LHC-04", "LHC-05", "LHC-06",
	"LHC-10", "LHC-11", "LHC-12", "LHC-13", "LHC-14", "LHC-15", "LHC-16", "LHC-17", "LHC-18",
	"LHC-20", "LHC-21", "LHC-22", "LHC-23", "LHC-24", "LHC-25",
	"LHC-30", "LHC-31", "LHC-32", "LHC-33", "LHC-34", "LHC-36", "LHC-37", "LHC-50", "RAS-03", "RAS-06",
}

func TestEachRequirementIsQuotedByATest(t *testing.T) {
	quoted := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") || path == "requirements_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, r := range requirements {
			quoted[r] = quoted[r] || strings.Contains(string(text), r)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range requirements {
		if !quoted[r] {
			t.Errorf("no test quotes %s", r)
		}
	}
}
