package cli

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Issue 4: "site generate and site apply serve 100,000 machines, with progress":
// what takes longer than two seconds says so every two seconds, and not after its end.
func TestProgress(t *testing.T) {
	for _, c := range []struct {
		takes time.Duration
		says  string
	}{
		{1900 * time.Millisecond, ""},
		{4500 * time.Millisecond, "reading site.yaml: 2s so far\nreading site.yaml: 4s so far\n"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var stderr strings.Builder
			a := &app{stderr: &stderr}
			failed := errors.New("it failed")
			err := a.underWay("reading site.yaml", func() error { time.Sleep(c.takes); return failed })
			if !errors.Is(err, failed) || stderr.String() != c.says {
				t.Errorf("after %s it said %q and returned %v, want %q and the error", c.takes, stderr.String(), err, c.says)
			}
		})
	}
}
