//go:build linux

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lab is where a group of rows is measured: a folder, the binary, the processes that it
// started.
type lab struct {
	ctx   context.Context
	dir   string
	bin   string
	table table
	next  int // of loopback addresses

	mu    sync.Mutex // guards all below
	procs []*proc
	ends  []func()
	// over says why nothing is to be started any more.
	over error
}

// stop is what ends a group of rows early.
type stop struct{ err error }

func (s stop) String() string { return s.err.Error() }

// newLab works in a new folder in dir.
func newLab(dir, bin string) *lab {
	l := &lab{ctx: context.Background(), dir: need(os.MkdirTemp(dir, "lab-")), bin: bin}
	go l.heed()
	return l
}

// heed ends it on Ctrl-C, and leaves nothing behind.
func (l *lab) heed() {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, os.Interrupt, syscall.SIGTERM)
	<-asked
	fmt.Println("# interrupted: ending what runs")
	l.give(errors.New("interrupted"))
	l.close()
	os.Exit(130)
}

// give ends what runs for a reason, and lets nothing start any more.
func (l *lab) give(why error) {
	l.mu.Lock()
	l.over = why
	l.mu.Unlock()
	l.endAll()
}

func (l *lab) close() {
	l.endAll()
	_ = os.RemoveAll(l.dir)
}

// longest is the most that a group of rows may take.
const longest = 8 * time.Minute

// measure measures one group; a fault in it is told as a row.
func (l *lab) measure(g group) {
	late := time.AfterFunc(longest, func() { l.give(fmt.Errorf("not over within %s", longest)) })
	defer func() {
		fault := recover()
		late.Stop()
		l.endAll()
		if why := l.given(); why != nil {
			fault = why
		}
		if fault != nil {
			l.table.missing(g.name+": what is not in a row here", "", fmt.Sprint(fault), bar{})
		}
	}()
	g.measure(l)
}

// given returns why nothing is to be started any more.
func (l *lab) given() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.over
}

// must ends the group of rows on an error.
func must(err error) {
	if err != nil {
		panic(stop{err})
	}
}

func need[T any](v T, err error) T {
	must(err)
	return v
}

// folder makes a new one.
func (l *lab) folder() string { return need(os.MkdirTemp(l.dir, "d-")) }

// loopback returns an address that nobody else uses.
func (l *lab) loopback() string {
	for range 200 {
		l.next++
		ip := fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%250, 1+l.next/250, 1+l.next%250)
		if listener, err := net.Listen("tcp", ip+":7480"); err == nil {
			must(listener.Close())
			return ip
		}
	}
	panic(stop{errors.New("no loopback address is free")})
}

// proc is a process that the lab started.
type proc struct {
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// start runs a program until the lab ends it. It does not outlive us.
func (l *lab) start(env []string, path string, args ...string) *proc {
	log := need(os.CreateTemp(l.dir, "log-"))
	defer log.Close()
	p := &proc{cmd: exec.Command(path, args...), done: make(chan struct{}), log: log.Name()}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = l.dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	l.mu.Lock()
	defer l.mu.Unlock()
	must(l.over)
	must(p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	l.procs = append(l.procs, p)
	return p
}

// role starts this program as one of its roles.
func (l *lab) role(role string, args ...string) *proc {
	return l.start([]string{roleEnv + "=" + role}, need(os.Executable()), args...)
}

func (p *proc) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *proc) signal(s syscall.Signal) { must(p.cmd.Process.Signal(s)) }

func (l *lab) endAll() {
	l.mu.Lock()
	procs, ends := l.procs, l.ends
	l.procs, l.ends = nil, nil
	l.mu.Unlock()
	for _, p := range procs {
		_ = p.cmd.Process.Signal(syscall.SIGCONT)
		p.kill()
	}
	for _, end := range ends {
		end()
	}
}

// atEnd is called when the group of rows is over.
func (l *lab) atEnd(end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends = append(l.ends, end)
}

// until polls until ok, and fails after the deadline.
func until(what string, deadline time.Duration, ok func() bool) time.Duration {
	return poll(what, time.Millisecond, deadline, ok)
}

// poll asks each so often.
func poll(what string, each, deadline time.Duration, ok func() bool) time.Duration {
	began := time.Now()
	tick := time.NewTicker(each)
	defer tick.Stop()
	for !ok() {
		if time.Since(began) > deadline {
			panic(stop{fmt.Errorf("%s: not within %s", what, deadline)})
		}
		<-tick.C
	}
	return time.Since(began)
}

// memory reads one line of a process's status, in MB.
func memory(pid int, key string) float64 {
	for line := range strings.Lines(string(need(os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))))) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			return float64(need(strconv.Atoi(strings.Fields(value)[0]))) / 1024
		}
	}
	panic(stop{fmt.Errorf("no %s in the status of process %d", key, pid)})
}

// installed finds a program, or says what to install.
func installed(program, debian string) (string, string) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", "install " + debian
	}
	return path, ""
}
