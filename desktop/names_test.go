package desktop_test

import (
	"strings"
	"testing"

	"understudy/desktop"
	"understudy/site"
)

func TestNames(t *testing.T) {
	for _, c := range []struct {
		first site.FQDN
		n     int
		want  string
	}{
		{"pool-009.example.test", 3, "pool-009.example.test pool-010.example.test pool-011.example.test"},
		{"d1", 2, "d1 d2"},
		{"desk.example.test", 2, "desk.example.test desk2.example.test"},
		{"d1", 0, ""},
	} {
		var got []string
		for _, name := range desktop.Names(c.first, c.n) {
			got = append(got, string(name))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s %d: got %v, want %s", c.first, c.n, got, c.want)
		}
	}
}
