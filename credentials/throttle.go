package credentials

import (
	"sync"
	"time"

	"understudy/env"
	"understudy/xmlservice"
)

// How many failures in a row cost nothing. A StoreFront is the source of many users.
const (
	freeOfUser   = 5
	freeOfSource = 50
	// knownFor is for how long a source is one that a user comes from.
	knownFor = 30 * 24 * time.Hour
)

// throttle keeps guessers of passwords waiting. Who was let in from a source lately is
// counted apart there, so that nobody keeps out by guessing who is known.
type throttle struct {
	mu                    sync.Mutex // guards what follows
	users, sources, known *env.Failures
}

func newThrottle() *throttle {
	return &throttle{users: env.NewFailures(freeOfUser, 0), sources: env.NewFailures(freeOfSource, 0), known: env.NewFailures(0, knownFor)}
}

// try is one that has begun. It counts as a failure until it is known to be none, so
// that many at once gain nothing.
type try struct {
	throttle *throttle
	// user is as it was written, name where its failures are counted.
	user, name string
	// from is where it comes from, source where its failures are counted: empty, nowhere.
	from, source string
}

func (t *throttle) begin(now time.Time, user, from string) (try, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := try{throttle: t, user: user, name: user, from: from, source: from}
	if pair := b.pair(); t.known.Has(pair) {
		b.name, b.source = pair, ""
	}
	if wait := max(t.users.Wait(now, b.name), t.sources.Wait(now, b.source)); wait > 0 {
		return try{}, keptWaiting(user, from, wait)
	}
	t.users.Note(now, b.name)
	if b.source != "" {
		t.sources.Note(now, b.source)
	}
	return b, nil
}

func keptWaiting(user, from string, wait time.Duration) error {
	return refuse(xmlservice.AccountLockedOut, "too many failures of %q or from %s: the next try is in %s", user, from, wait.Round(time.Second))
}

func (t try) pair() string { return t.user + "\n" + t.from }

// otherwise reports whether the user is known by another name than was written, which
// then counts too: else each spelling would have tries of its own.
func (t try) otherwise(entry string) bool {
	return t.name == t.user && entry != "" && entry != t.user
}

// letIn forgets the failures of who was let in, unless the password was guessed under
// so many spellings that the entry is to wait.
func (t try) letIn(now time.Time, entry string) error {
	t.throttle.mu.Lock()
	defer t.throttle.mu.Unlock()
	if t.otherwise(entry) {
		if wait := t.throttle.users.Wait(now, entry); wait > 0 {
			return keptWaiting(entry, t.from, wait)
		}
		t.throttle.users.Forget(entry)
	}
	t.throttle.users.Forget(t.name)
	t.throttle.sources.Forgive(t.source)
	t.throttle.known.Note(now, t.pair())
	return nil
}

// refused lets it stand as a failure.
func (t try) refused(now time.Time, entry string) {
	t.throttle.mu.Lock()
	defer t.throttle.mu.Unlock()
	if t.otherwise(entry) {
		t.throttle.users.Note(now, entry)
	}
}

// undo takes back one that was nobody's fault.
func (t try) undo() {
	t.throttle.mu.Lock()
	defer t.throttle.mu.Unlock()
	t.throttle.users.Forgive(t.name)
	t.throttle.sources.Forgive(t.source)
}
