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
)

// throttle keeps guessers of passwords waiting.
type throttle struct {
	mu             sync.Mutex // guards what follows
	users, sources book
}

func newThrottle() *throttle {
	return &throttle{users: newBook(freeOfUser), sources: newBook(freeOfSource)}
}

// try is one that has begun. It counts as a failure until it is known to be none, so
// that many at once gain nothing.
type try struct {
	throttle     *throttle
	user, source string
}

func (t *throttle) begin(now time.Time, user, source string) (try, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if wait := max(t.users.wait(now, user), t.sources.wait(now, source)); wait > 0 {
		return try{}, refuse(xmlservice.AccountLockedOut, "too many failures of %q or from %s: the next try is in %s", user, source, wait.Round(time.Second))
	}
	t.users.fail(now, user)
	t.sources.fail(now, source)
	return try{t, user, source}, nil
}

// end forgets the failures of who was let in, and takes back one that was nobody's
// fault.
func (t try) end(letIn, refused bool) {
	t.throttle.mu.Lock()
	defer t.throttle.mu.Unlock()
	switch {
	case letIn:
		t.throttle.users.forget(t.user)
		t.throttle.sources.forgive(t.source)
	case !refused:
		t.throttle.users.forgive(t.user)
		t.throttle.sources.forgive(t.source)
	}
}

// book has the latest failures, by a name.
type book struct {
	free  int
	tries map[string]*list.Element
	order *list.List // of *tries, the latest last
}

type tries struct {
	name     string
	failures int
	last     time.Time
}

func newBook(free int) book {
	return book{free: free, tries: map[string]*list.Element{}, order: list.New()}
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

func (b *book) fail(now time.Time, name string) {
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
		if now.Sub(t.last) < 2*longestWait && b.order.Len() < throttled {
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
