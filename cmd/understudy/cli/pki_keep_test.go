package cli

import (
	"testing"

	"understudy/agent"
	"understudy/desktop"
	"understudy/pki"
	"understudy/service"
)

// Issue 6: "a watchdog that hears only while the loops go on", "ready once the listeners
// are bound": also of services whose certificate is kept.
func TestKeptServicesAreWatched(t *testing.T) {
	var connector, host runner = &agent.Agent{}, &desktop.Agent{}
	for name, s := range map[string]runner{"plain": connector, "kept": kept{runner: connector, keeper: &pki.Keeper{}}} {
		if _, ok := process(s).(service.Watched); !ok {
			t.Errorf("a connector, %s: %T is not watched", name, process(s))
		}
	}
	for name, s := range map[string]runner{"plain": host, "kept": kept{runner: host, keeper: &pki.Keeper{}}} {
		if _, ok := process(s).(service.Binder); !ok {
			t.Errorf("a desktop, %s: %T is ready before it has bound its listener", name, process(s))
		}
	}
}
