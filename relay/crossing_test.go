package relay

import (
	"net/http"
	"testing"
	"time"
)

// LHC-12, design 3: "after trouble also one side-effect-free request of each kind
// that failed". A check that began before the trouble asked nothing of that kind,
// so it does not clear it.
func TestACheckBegunBeforeTheTroubleDoesNotClearIt(t *testing.T) {
	begun := time.Now()
	j := newJudge(begun, time.Hour)
	j.checked(begun, begun, "")
	failed := request{kind: Launch, method: http.MethodPost, target: "/storefront/v1/sessions", body: []byte(`{"user":"ada"}`)}
	j.relayed(begun.Add(time.Second), failed, "no answer")
	h := j.checked(begun, begun.Add(2*time.Second), "")
	if h.Trouble == nil || !h.Trouble.At.After(h.At) {
		t.Errorf("the trouble is no longer later than the check: %+v", h)
	}
	h = j.checked(begun.Add(3*time.Second), begun.Add(4*time.Second), "")
	if h.Trouble.At.After(h.At) {
		t.Error("a check begun after the trouble does not clear it")
	}
}

// LHC-14: failures of relayed requests do not hold up the recovery: in HA mode
// nothing is relayed that could succeed.
func TestForgottenFailuresDoNotHoldUpRecovery(t *testing.T) {
	now := time.Now()
	book := newJudge(now, time.Hour)
	r := &Relay{route: &route{judge: book}}
	for i := range 20 {
		q := request{kind: Launch, target: "/storefront/v1/sessions", body: []byte(`{"user":"u` + string(rune('a'+i)) + `"}`)}
		book.relayed(now, q, "no answer")
	}
	book.stream(now, true, "")
	if h := book.checked(now, now, ""); h.Healthy {
		t.Fatal("twenty failures of one kind do not count")
	}
	r.Forget()
	if h := book.checked(now, now, ""); !h.Healthy {
		t.Errorf("after they were forgotten: %s", h.Reason)
	}
}

// LHC-15: a call stream that came back within its grace does not make a healthy
// connector unhealthy while it is still young.
func TestAYoungCallStreamIsNoFailure(t *testing.T) {
	start, grace := time.Now(), 3*time.Second
	j := newJudge(start, grace)
	j.stream(start.Add(100*time.Millisecond), true, "")
	j.stream(start.Add(900*time.Millisecond), false, "the cloud broker was killed")
	j.stream(start.Add(grace-300*time.Millisecond), true, "")
	for _, at := range []time.Duration{grace - 100*time.Millisecond, grace + 100*time.Millisecond, 2 * grace} {
		now := start.Add(at)
		if h := j.checked(now, now, ""); !h.Healthy {
			t.Errorf("after %s: %s", at, h.Reason)
		}
	}
}
