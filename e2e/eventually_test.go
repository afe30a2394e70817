//go:build linux

package e2e_test

import (
	"errors"
	"testing"
	"time"
)

// poll is how often a condition is looked at.
const poll = 20 * time.Millisecond

// eventually waits until the condition holds, which it says by returning nil, and
// fails the test with the last reason at the deadline. It is the only way to wait.
func eventually(t testing.TB, deadline time.Duration, what string, condition func() error) {
	t.Helper()
	if err := await(deadline, condition); err != nil {
		t.Fatalf("after %v still not: %s: %v", deadline, what, err)
	}
}

// throughout fails the test if the condition stops holding within the time.
func throughout(t testing.TB, period time.Duration, what string, condition func() error) {
	t.Helper()
	began := time.Now()
	if broken := holdsFor(period, condition); broken != nil {
		t.Fatalf("after %v no longer: %s: %v", time.Since(began).Round(time.Millisecond), what, broken)
	}
}

// holdsFor returns why a condition did not hold throughout the time.
func holdsFor(period time.Duration, condition func() error) error {
	var broken error
	_ = await(period, func() error {
		if broken = condition(); broken != nil {
			return nil
		}
		return errHolds
	})
	return broken
}

var errHolds = errors.New("the condition holds")

// await looks at the condition at once and then at every poll, until it returns nil
// or the time is over; then it returns the condition's last error.
func await(limit time.Duration, condition func() error) error {
	over := time.After(limit)
	ticks := time.NewTicker(poll)
	defer ticks.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-over:
			return err
		case <-ticks.C:
		}
	}
}

func TestAwait(t *testing.T) {
	calls := 0
	third := func() error {
		if calls++; calls < 3 {
			return errors.New("not yet")
		}
		return nil
	}
	if err := await(time.Minute, third); err != nil || calls != 3 {
		t.Errorf("got %v after %d calls, want nil after 3", err, calls)
	}
	never := errors.New("never")
	if err := await(3*poll, func() error { return never }); !errors.Is(err, never) {
		t.Errorf("got %v, want the last reason", err)
	}
}

func TestThroughout(t *testing.T) {
	throughout(t, 3*poll, "holds", func() error { return nil })

	calls := 0
	failed := fails(t, func(t testing.TB) {
		t.Helper()
		throughout(t, time.Minute, "holds", func() error {
			if calls++; calls > 2 {
				return errors.New("broken")
			}
			return nil
		})
	})
	if !failed {
		t.Error("a condition that broke did not fail the test")
	}
}
