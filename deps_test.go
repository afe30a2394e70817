package understudy_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestLibcIsTheOneThatSQLiteWasMadeWith: modernc.org/sqlite is generated against
// one exact modernc.org/libc, and another one corrupts or crashes; an upgrade of
// everything at once would part them.
func TestLibcIsTheOneThatSQLiteWasMadeWith(t *testing.T) {
	got := listModule(t, "{{.Version}}", "modernc.org/libc")
	file, err := os.ReadFile(listModule(t, "{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`modernc\.org/libc (v\S+)`).FindSubmatch(file)
	if want == nil {
		t.Fatal("the module file of modernc.org/sqlite names no libc")
	}
	if got != string(want[1]) {
		t.Errorf("got modernc.org/libc %s, want %s, which modernc.org/sqlite names", got, want[1])
	}
}

func listModule(t testing.TB, format, module string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
