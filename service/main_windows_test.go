package service

import (
	"context"
	"io"
	"testing"

	"golang.org/x/sys/windows/svc"
)

// Issue 6: StartPending at once, Running when the process says that it is ready, and
// "PreShutdown hand-over": each way to ask for an end is an orderly stop. ParamChange is a
// reload.
func TestServiceFollowsTheProcess(t *testing.T) {
	for _, end := range []svc.Cmd{svc.Stop, svc.Shutdown, svc.PreShutdown} {
		ready := make(chan struct{})
		h := &handler{ctx: t.Context(), journal: &journal{}, notices: make(chan notice), reloads: make(chan struct{}, 1), ended: make(chan struct{})}
		h.run = func(ctx context.Context, _ io.Writer) int {
			<-ready
			_ = scm{h}.tell(notice{ready: true}) // it never fails
			<-ctx.Done()
			return 0
		}
		requests, statuses, code := make(chan svc.ChangeRequest), make(chan svc.Status), make(chan uint32)
		go func() {
			_, exit := h.Execute(nil, requests, statuses)
			code <- exit
		}()
		expect(t, statuses, svc.StartPending)
		close(ready)
		if s := expect(t, statuses, svc.Running); s.Accepts != accepted {
			t.Errorf("accepts %b, want %b", s.Accepts, accepted)
		}
		requests <- svc.ChangeRequest{Cmd: svc.ParamChange}
		<-h.reloads
		requests <- svc.ChangeRequest{Cmd: svc.Interrogate}
		expect(t, statuses, svc.Running)
		requests <- svc.ChangeRequest{Cmd: end}
		expect(t, statuses, svc.StopPending)
		if got := <-code; got != 0 {
			t.Errorf("command %d: exit code %d, want 0", end, got)
		}
	}
}

// A process that cannot start tells its exit code, so that recovery actions follow.
func TestServiceTellsTheExitCode(t *testing.T) {
	h := &handler{ctx: t.Context(), journal: &journal{}, ended: make(chan struct{}), run: func(context.Context, io.Writer) int { return 78 }}
	statuses := make(chan svc.Status, 1)
	if own, code := h.Execute(nil, nil, statuses); !own || code != 78 {
		t.Errorf("got %d (its own: %t), want 78 of its own", code, own)
	}
}

func expect(t testing.TB, statuses <-chan svc.Status, want svc.State) svc.Status {
	t.Helper()
	for s := range statuses {
		if s.State == want {
			return s
		}
		if s.CheckPoint == 0 {
			t.Fatalf("state %d, want %d", s.State, want)
		}
	}
	return svc.Status{}
}
