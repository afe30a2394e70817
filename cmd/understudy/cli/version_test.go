package cli_test

import (
	"fmt"
	"strings"
	"testing"

	"understudy/wire"
)

// ADC-04: who upgrades one connector after the other sees before whether the two will
// understand each other.
func TestVersionTellsTheProtocols(t *testing.T) {
	_, out, _ := run(t, "version")
	if want := fmt.Sprintf("peer protocol %s, mirror protocol %d", wire.PeerProtocol, wire.MirrorProtocol); !strings.Contains(out, want) {
		t.Errorf("got %q, want %q in it", out, want)
	}
}
