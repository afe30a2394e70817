package cli_test

import (
	"runtime"
	"strings"
	"testing"
)

// Issue 6: "`understudy service install|uninstall|start|stop`" is for Windows; elsewhere it
// says what to do instead.
func TestServicesAreInstalledOnWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("here they are: make test-windows tries it under wine")
	}
	for _, verb := range []string{"install", "uninstall", "start", "stop", "status"} {
		if code, _, problems := run(t, "service", verb, "connector"); code != 2 || !strings.Contains(problems, "systemctl enable --now understudy-connector") {
			t.Errorf("%s: exit %d, %q; want 2 and systemd's way", verb, code, problems)
		}
		if code, _, problems := run(t, "service", verb, "cloud"); code != 2 || !strings.Contains(problems, "install connector or desktop") {
			t.Errorf("%s cloud: exit %d, %q; want 2 and what there is", verb, code, problems)
		}
	}
}
