package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"understudy/wire"
)

// release is the version of a packaged build: -ldflags "-X understudy/cmd/understudy/cli.release=1.2.3".
var release string //nolint:gochecknoglobals // the linker sets it, and nothing else

// Version names this build: that of its package, the module's, or the commit it was built of.
func Version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return short(s.Value)
		}
	}
	return "devel"
}

type build struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	// Peers of another major version mirror nothing to each other, nor do those of another
	// mirroring.
	PeerProtocol   string `json:"peer_protocol"`
	MirrorProtocol int    `json:"mirror_protocol"`
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Show which build this is, and which protocols it speaks to its peers", Args: wants(),
		RunE: func(*cobra.Command, []string) error {
			b := build{
				Version: Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
				PeerProtocol: wire.PeerProtocol, MirrorProtocol: wire.MirrorProtocol,
			}
			return show(a, b, func(s *screen, b build) {
				s.line("understudy " + b.Version + " " + b.Go + " " + b.Platform)
				s.line(fmt.Sprintf("peer protocol %s, mirror protocol %d", b.PeerProtocol, b.MirrorProtocol))
			})
		},
	}
}
