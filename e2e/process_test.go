//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// command says what to start.
type command struct {
	// Name is what messages and the log file are called.
	Name string
	// Path is the program; the real binary when empty.
	Path string
	Args []string
	Env  []string
	Dir  string
	// Host is the network namespace it runs in; nil is this machine's own.
	Host *host
}

// process is a running program. Its output goes to a file in the test's artifacts;
// a second process of the same name appends to it.
type process struct {
	t    testing.TB
	name string
	log  string
	from int64 // where its part of the log begins
	cmd  *exec.Cmd
	done chan struct{}
}

// start runs the command; when the test ends the process is killed, and its log
// shown if the test failed.
func start(t testing.TB, c command) *process {
	t.Helper()
	if c.Path == "" {
		c.Path = binary(t)
	}
	p := &process{t: t, name: c.Name, log: filepath.Join(t.ArtifactDir(), c.Name+".log"), done: make(chan struct{})}
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if p.from, err = out.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	p.cmd = c.prepare(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", c.Name, err)
	}
	go p.reap()
	t.Cleanup(p.cleanup)
	return p
}

func (c command) prepare(out *os.File) *exec.Cmd {
	line := append([]string{c.Path}, c.Args...)
	if c.Host != nil {
		line = append(slices.Clone(c.Host.exec), line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr = out, out
	// It must not outlive the tests, not even if they are killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (p *process) reap() {
	_ = p.cmd.Wait() // the state says what there is to know
	close(p.done)
}

func (p *process) cleanup() {
	if p.Running() {
		_ = p.cmd.Process.Kill()
	}
	<-p.done
	if p.t.Failed() {
		p.t.Logf("---- %s (%s, %v)\n%s", p.name, p.log, p.cmd.ProcessState, tail(p.Log(), 200))
	}
}

// Running reports whether the process has not ended.
func (p *process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill is kill -9: the process gets no chance to tidy up.
func (p *process) Kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Stop asks the process to end in an orderly way and returns its exit code.
func (p *process) Stop(deadline time.Duration) int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.Wait(deadline)
}

// Pause holds the process, as a hypervisor that stuns its guest does.
func (p *process) Pause() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
}

// Resume lets a held process go on.
func (p *process) Resume() {
	p.t.Helper()
	p.signal(syscall.SIGCONT)
}

// Wait returns the exit code, -1 for a process that a signal ended.
func (p *process) Wait(deadline time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(deadline):
		p.t.Fatalf("%s has not ended after %v", p.name, deadline)
	}
	return p.cmd.ProcessState.ExitCode()
}

// Log returns what this process has written so far.
func (p *process) Log() string {
	p.t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		p.t.Errorf("read the log of %s: %v", p.name, err)
	}
	return string(text[min(p.from, int64(len(text))):])
}

// Says waits until the process has written the text.
func (p *process) Says(deadline time.Duration, text string) {
	p.t.Helper()
	eventually(p.t, deadline, fmt.Sprintf("%s says %q", p.name, text), func() error {
		switch {
		case strings.Contains(p.Log(), text):
			return nil
		case !p.Running():
			return fmt.Errorf("it has ended: %v", p.cmd.ProcessState)
		}
		return errors.New("not in its log")
	})
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v to %s: %v", s, p.name, err)
	}
}

// result is what a command that ended by itself left.
type result struct {
	Code        int
	Out, Stderr string
}

// execute runs a command to its end.
func execute(t testing.TB, c command) result {
	t.Helper()
	if c.Path == "" {
		c.Path = binary(t)
	}
	cmd := c.prepare(nil)
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatalf("run %s: %v", c.Name, err)
	}
	return result{Code: cmd.ProcessState.ExitCode(), Out: out.String(), Stderr: stderr.String()}
}

// understudy runs the real binary to its end.
func understudy(t testing.TB, args ...string) result {
	t.Helper()
	return execute(t, command{Name: "understudy " + strings.Join(args, " "), Args: args})
}

// tail returns the last lines of a text.
func tail(text string, lines int) string {
	all := strings.SplitAfter(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}
