package desktop_test

import (
	"testing"

	"understudy/desktop"
)

// Issue 6: "a provider over WTSEnumerateSessions and WTSLogoffSession". The boot has the
// same name each time.
func TestTerminalsOfThisHost(t *testing.T) {
	first, err := desktop.SystemTerminals()
	if err != nil {
		t.Fatal(err)
	}
	again, err := desktop.SystemTerminals()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("boot %s, sessions %v", first.Boot, first.Users)
	if first.Boot == "" || first.Boot != again.Boot {
		t.Errorf("the boot is %q, then %q", first.Boot, again.Boot)
	}
}
