package wire

import (
	"net/http"
	"time"

	"understudy/env"
)

// refusedRead is how long a client that was not let in may take for the rest of what
// it is sending.
const refusedRead = 5 * time.Second

// Shown judges a request by the key or token that it shows; shown is false where it
// shows none. The refusal is what it gets where that is not known. A source that has
// shown too many wrong ones is asked to wait: it could guess else.
func Shown(r *http.Request, shown bool, known func() bool, refusal *Problem) error {
	if !shown {
		return refusal
	}
	if wait := env.HeldBack(r); wait > 0 {
		p := NewProblem(http.StatusTooManyRequests, CodeTooMany, "this address has shown too many wrong keys or tokens")
		p.RetryAfter = wait
		return p
	}
	if known() {
		env.RightSecret(r)
		return nil
	}
	env.WrongSecret(r)
	return refusal
}

// hurry bounds how long the rest of a request is waited for that was not let in.
func hurry(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedRead)) // tests' recorders have no line
}
