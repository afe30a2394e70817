package credentials

import (
	"container/list"
	"sync"
	"time"

	"understudy/xmlservice"
)

// How many failures in a row cost nothing, and how long each further one keeps the
// next try waiting: at first, and at the most. A StoreFront is the source of many users.
const (
	freeOfUser   = 5
	freeOfSource = 50
	firstWait    = time.Second
	longestWait  = time.Minute
	// throttled bounds how many users and sources are remembered.
	throttled = 50_000
	// knownFor is for how long a source is one that a user comes from.
	knownFor = 30 * 24 * time.Hour
)

// throttle keeps guessers of passwords waiting. Who was let in from a source lately is
// counted apart there, so that nobody keeps out by guessing who is known.
type throttle struct {
	mu                    sync.Mutex // guards what follows
	users, sources, known book
}

func newThrottle() *throttle {
	t := &throttle{users: newBook(freeOfUser), sources: newBook(freeOfSource), known: newBook(0)}
	t.known.keep = knownFor
	return t
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
	if pair := b.pair(); t.known.find(pair) != nil {
		b.name, b.source = pair, ""
	}
	if wait := max(t.users.wait(now, b.name), t.sources.wait(now, b.source)); wait > 0 {
		return try{}, keptWaiting(user, from, wait)
	}
	t.users.note(now, b.name)
	if b.source != "" {
		t.sources.note(now, b.source)
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
		if wait := t.throttle.users.wait(now, entry); wait > 0 {
			return keptWaiting(entry, t.from, wait)
		}
		t.throttle.users.forget(entry)
	}
	t.throttle.users.forget(t.name)
	t.throttle.sources.forgive(t.source)
	t.throttle.known.note(now, t.pair())
	return nil
}

// refused lets it stand as a failure.
func (t try) refused(now time.Time, entry string) {
	t.throttle.mu.Lock()
	defer t.throttle.mu.Unlock()
	if t.otherwise(entry) {
		t.throttle.users.note(now, entry)
	}
}

// undo takes back one that was nobody's fault.
func (t try) undo() {
	t.throttle.mu.Lock()
	defer t.throttle.mu.Unlock()
	t.throttle.users.forgive(t.name)
	t.throttle.sources.forgive(t.source)
}

// book has the latest failures, by a name.
type book struct {
	free  int
	keep  time.Duration // for how long
	tries map[string]*list.Element
	order *list.List // of *tries, the latest last
}

type tries struct {
	name     string
	failures int
	last     time.Time
}

func newBook(free int) book {
	return book{free: free, keep: 2 * longestWait, tries: map[string]*list.Element{}, order: list.New()}
}

func (b *book) find(name string) *tries {
	if e := b.tries[name]; e != nil {
		t, _ := e.Value.(*tries)
		return t
	}
	return nil
}

// wait is how long the next try has to wait.
func (b *book) wait(now time.Time, name string) time.Duration {
	t := b.find(name)
	if t == nil || t.failures < b.free {
		return 0
	}
	return t.last.Add(waitAfter(t.failures - b.free)).Sub(now)
}

// waitAfter doubles with each failure beyond those that are free.
func waitAfter(more int) time.Duration {
	return min(longestWait, firstWait<<min(more, 16))
}

func (b *book) note(now time.Time, name string) {
	b.sweep(now)
	if e := b.tries[name]; e != nil {
		b.order.MoveToBack(e)
		t := b.find(name)
		t.failures, t.last = t.failures+1, now
		return
	}
	b.tries[name] = b.order.PushBack(&tries{name, 1, now})
}

// sweep forgets those of long ago, and the oldest where there are too many.
func (b *book) sweep(now time.Time) {
	for e := b.order.Front(); e != nil; e = b.order.Front() {
		t, _ := e.Value.(*tries)
		if now.Sub(t.last) < b.keep && b.order.Len() < throttled {
			return
		}
		b.forget(t.name)
	}
}

func (b *book) forget(name string) {
	if e := b.tries[name]; e != nil {
		b.order.Remove(e)
		delete(b.tries, name)
	}
}

func (b *book) forgive(name string) {
	if t := b.find(name); t != nil {
		if t.failures--; t.failures <= 0 {
			b.forget(name)
		}
	}
}
