//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the command the first of a process group, which its end by a context
// kills.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
