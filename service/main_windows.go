package service

import (
	"context"
	"io"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
)

// While a start or a stop takes time Windows is told every beat that it goes on, and
// waits for at most patience for the next.
const (
	beat     = 2 * time.Second
	patience = 20 * time.Second
)

// accepted is what Windows may ask of a running service. Before the host goes down it
// asks in time for a hand-over: others still run.
const accepted = svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPreShutdown | svc.AcceptParamChange

// handler stands between Windows and the process that runs as its service.
type handler struct {
	ctx     context.Context //nolint:containedctx // svc calls Execute without one
	run     func(context.Context, io.Writer) int
	stderr  io.Writer
	journal *journal
	notices chan notice
	reloads chan struct{}
	ended   chan struct{}
	again   bool // the status is asked for
}

// current is the process's service: Windows has one for each process, and starts it
// before anything else.
var current *handler //nolint:gochecknoglobals // svc has one too

// Main runs a process, as a service if Windows started it as one. Then an orderly stop
// of the service is the end of the context, and the journal takes what is for people.
func Main(ctx context.Context, stderr io.Writer, run func(context.Context, io.Writer) int) int {
	if !isService() {
		return run(ctx, stderr)
	}
	h := &handler{ctx: ctx, run: run, notices: make(chan notice), reloads: make(chan struct{}, 1), ended: make(chan struct{})}
	h.journal = &journal{}
	h.stderr = complaints{h.journal}
	current = h
	if err := svc.Run("", h); err != nil {
		return 1
	}
	return 0
}

// isService reports whether the service manager is this process's parent. svc asks for
// its session too, which is another one under wine.
func isService() bool {
	if is, err := svc.IsWindowsService(); err == nil && is {
		return true
	}
	all, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(all) //nolint:errcheck // a handle
	parent, names := uint32(0), map[uint32]string{}
	entry := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
	for err = windows.Process32First(all, &entry); err == nil; err = windows.Process32Next(all, &entry) {
		names[entry.ProcessID] = windows.UTF16ToString(entry.ExeFile[:])
		if entry.ProcessID == windows.GetCurrentProcessId() {
			parent = entry.ParentProcessID
		}
	}
	return parent != 0 && strings.EqualFold(names[parent], "services.exe")
}

// Execute implements svc.Handler. A process that ends by itself tells its exit code as
// one of its own, so that the recovery actions follow.
func (h *handler) Execute(args []string, requests <-chan svc.ChangeRequest, statuses chan<- svc.Status) (bool, uint32) {
	defer close(h.ended)
	h.journal.open(args)
	s := svc.Status{State: svc.StartPending, WaitHint: milliseconds(patience)}
	statuses <- s
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	code := make(chan int, 1)
	go func() { code <- h.run(ctx, h.stderr) }()
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		next := s
		select {
		case c := <-code:
			return c != 0, uint32(c) //nolint:gosec // exit codes are small
		case n := <-h.notices:
			next = told(s, n)
		case r := <-requests:
			next = h.asked(s, r, cancel)
		case <-beats.C:
			next = pending(s)
		}
		if next != s || h.again {
			s, h.again = next, false
			statuses <- s
		}
	}
}

// told is the status after what the process said.
func told(s svc.Status, n notice) svc.Status {
	switch {
	case n.stopping:
		return stopping(s)
	case n.ready && s.State == svc.StartPending:
		return svc.Status{State: svc.Running, Accepts: accepted}
	}
	return s
}

// asked does what Windows asks for, and returns the status then.
func (h *handler) asked(s svc.Status, r svc.ChangeRequest, cancel context.CancelFunc) svc.Status {
	switch r.Cmd {
	case svc.Stop, svc.Shutdown, svc.PreShutdown:
		cancel()
		return stopping(s)
	case svc.Interrogate:
		h.again = true
	case svc.ParamChange:
		select {
		case h.reloads <- struct{}{}:
		default: // one is due
		}
	}
	return s
}

func stopping(s svc.Status) svc.Status {
	if s.State == svc.StopPending {
		return s
	}
	return svc.Status{State: svc.StopPending, WaitHint: milliseconds(patience)}
}

// pending counts on while a start or a stop goes on.
func pending(s svc.Status) svc.Status {
	if s.State == svc.StartPending || s.State == svc.StopPending {
		s.CheckPoint++
	}
	return s
}

func milliseconds(d time.Duration) uint32 { return uint32(d.Milliseconds()) } //nolint:gosec // seconds

// Reloads tells when the service manager asks for a reload; nil: by a signal.
func Reloads() <-chan struct{} {
	if current == nil {
		return nil
	}
	return current.reloads
}

// scm is the service manager of Windows as the process sees it.
type scm struct{ h *handler }

func findChannel() (channel, error) { return scm{current}, nil }

func (s scm) managed() bool         { return s.h != nil }
func (scm) watchdog() time.Duration { return 0 }

func (s scm) tell(n notice) error {
	select {
	case s.h.notices <- n:
	case <-s.h.ended:
	}
	return nil
}

// complaints takes what a command would write for people: a service that does not
// start has nobody else to tell.
type complaints struct{ to *journal }

func (c complaints) Write(line []byte) (int, error) {
	return len(line), c.to.Write(Error, PlainError, strings.TrimSpace(string(line)))
}
