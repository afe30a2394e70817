package sim

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Issue 3: "the same seed gives the same trace": what has a turn of its own within an
// instant is still called so in the product, and passes the gate itself.
func TestTurnsAreOfTheProduct(t *testing.T) {
	parts := regexp.MustCompile(`^understudy/(\w+)\.\(\*(\w+)\)\.(\w+)$`)
	for name := range turns {
		p := parts.FindStringSubmatch(name)
		if p == nil {
			t.Errorf("%s is not package, type and method", name)
			continue
		}
		body := regexp.MustCompile(`(?s)\nfunc \(\w+ \*` + p[2] + `\) ` + p[3] + `\(.*?\n}\n`).FindString(sourceOf(t, p[1]))
		if !regexp.MustCompile(`(?i)\bgate\(`).MatchString(body) {
			t.Errorf("%s does not pass the gate, if it is there:\n%s", name, body)
		}
	}
}

func sourceOf(t *testing.T, folder string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}
