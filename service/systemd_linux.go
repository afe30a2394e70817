package service

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// systemd is told by datagrams to the socket that it names.
type systemd struct {
	socket  bool
	silence time.Duration
}

// findChannel asks the environment; what is not set there is not used.
func findChannel() (channel, error) {
	s := systemd{socket: os.Getenv("NOTIFY_SOCKET") != ""}
	if !s.socket {
		return s, nil
	}
	var err error
	if s.silence, err = daemon.SdWatchdogEnabled(false); err != nil {
		return s, fmt.Errorf("the watchdog of the service manager is off: %w", err)
	}
	return s, nil
}

func (s systemd) managed() bool           { return s.socket }
func (s systemd) watchdog() time.Duration { return s.silence }

func (s systemd) tell(n notice) error {
	if _, err := daemon.SdNotify(false, text(n)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

// text is the datagram: one variable a line.
func text(n notice) string {
	var lines []string
	add := func(is bool, line string) {
		if is {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	add(n.ready, daemon.SdNotifyReady)
	add(n.reloading, daemon.SdNotifyReloading)
	// Without it systemd 253 and later does not know which reload that is, and waits on.
	add(n.reloading, daemon.SdNotifyMonotonicUsec())
	add(n.stopping, daemon.SdNotifyStopping)
	add(n.alive, daemon.SdNotifyWatchdog)
	add(n.status != "", "STATUS="+strings.ReplaceAll(n.status, "\n", " "))
	return strings.Join(lines, "\n")
}
