package cli_test

import (
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"
)

// As long as a connector runs, the collector lets 48 MB more be in use before it runs.
func TestConnectorIsSeldomCollected(t *testing.T) {
	s := serviceOf(t, "connector", "--config", filepath.Join(files(t), "connector.yaml"))
	s.waitFor(t, "started")
	runs := collectedAt()
	if code := s.end(); code != 0 {
		t.Errorf("stopped by a signal: exit %d, want 0", code)
	}
	if ended := collectedAt(); runs-ended < 40<<20 {
		t.Errorf("the next collection is at %d bytes in use while a connector runs and at %d without; want 48 MB more", runs, ended)
	}
}

// collectedAt is how many bytes are in use when the collector runs next.
func collectedAt() int64 {
	runtime.GC()
	goal := []metrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	metrics.Read(goal)
	return int64(goal[0].Value.Uint64())
}
