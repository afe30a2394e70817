package storefront_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"understudy/wire"
)

const key = "Idempotency-Key"

func TestRepeatedKeyGetsTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		first := read[wire.LaunchAnswer](t, f.post("sessions", bobsPool, key, "k"), 201)
		time.Sleep(200*time.Second - 1)
		if again := read[wire.LaunchAnswer](t, f.post("sessions", `{"user":"BOB","resource":"desktop:pool"}`, key, "k"), 201); again != first {
			t.Errorf("got %+v, want %+v", again, first)
		}
		wantProblem(t, f.post("sessions", `{"user":"bob","resource":"desktop:far"}`, key, "k"), 409, wire.CodeConflict)
		if other := read[wire.LaunchAnswer](t, f.post("sessions", `{"user":"alice","resource":"desktop:pool"}`, key, "k"), 201); other.Machine != "p2" {
			t.Errorf("another user's key gave %+v", other)
		}
		time.Sleep(time.Nanosecond)
		if later := read[wire.LaunchAnswer](t, f.post("sessions", bobsPool, key, "k"), 201); later.Ticket == first.Ticket {
			t.Error("the key outlived its 200s")
		}
	})
}

func TestDuplicatesInFlightWaitForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		f.hosts.answer = func(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
			time.Sleep(time.Second)
			return agree(ctx, c)
		}
		answers := make(chan *httptest.ResponseRecorder, 5)
		for range cap(answers) {
			go func() { answers <- f.post("sessions", bobsPool, key, "k") }()
		}
		first := read[wire.LaunchAnswer](t, <-answers, 201)
		for range cap(answers) - 1 {
			if got := read[wire.LaunchAnswer](t, <-answers, 201); got != first {
				t.Errorf("got %+v, want %+v", got, first)
			}
		}
		if got := f.hosts.log(); got != "p1 POST sessions" {
			t.Errorf("calls %q, want one", got)
		}
	})
}

func TestFailureIsNotRemembered(t *testing.T) {
	f := newFront(t)
	f.hosts.answer = func(context.Context, wire.Call) (wire.CallAnswer, error) { return refuse(409, wire.CodeBusy) }
	wantProblem(t, f.post("sessions", bobsPool, key, "k"), 503, wire.CodeNoMachine)
	f.hosts.answer = agree
	f.register(t, "p1", "p2") // else they are aside for a minute
	read[wire.LaunchAnswer](t, f.post("sessions", bobsPool, key, "k"), 201)
}

// "A prepare has 3 s a machine, 8 s a launch."
func TestSilentMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		f.hosts.answer = func(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
			if c.Machine == "p2" {
				return agree(ctx, c)
			}
			<-ctx.Done()
			return wire.CallAnswer{}, ctx.Err()
		}
		began := time.Now()
		if got := read[wire.LaunchAnswer](t, f.post("sessions", bobsPool), 201); got.Machine != "p2" || time.Since(began) != 3*time.Second {
			t.Errorf("got %s after %s, want p2 after 3s", got.Machine, time.Since(began))
		}
	})
}

func TestLaunchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		f.register(t, "p3")
		f.hosts.answer = func(ctx context.Context, _ wire.Call) (wire.CallAnswer, error) {
			<-ctx.Done()
			return wire.CallAnswer{}, ctx.Err()
		}
		began := time.Now()
		wantProblem(t, f.post("sessions", bobsPool), 503, wire.CodeNoMachine)
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("took %s, want 8s: two machines of 3s and the rest", took)
		}
	})
}

// LHC-36: a machine that keeps silent may have made the user its owner; asked to
// withdraw that, it does not become a second desktop of theirs.
func TestSilentMachineOfAnAssignedGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t)
		f.register(t, "a1", "a2")
		f.hosts.answer = func(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
			if c.Machine == "a2" || c.Method != http.MethodPost {
				return agree(ctx, c)
			}
			<-ctx.Done()
			return wire.CallAnswer{}, ctx.Err()
		}
		if got := read[wire.LaunchAnswer](t, f.post("sessions", `{"user":"carol","resource":"desktop:own"}`), 201); got.Machine != "a2" {
			t.Errorf("got %s, want a2", got.Machine)
		}
		if got, want := f.hosts.log(), "a1 POST sessions, a1 DELETE sessions, a2 POST sessions"; got != want {
			t.Errorf("calls %q, want %q", got, want)
		}
	})
}
