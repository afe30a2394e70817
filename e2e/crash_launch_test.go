//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"understudy/broker"
	"understudy/cloud"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// TestKilledInLaunches: LHC-23, LHC-25, RAS-03: kill -9 of whoever serves, and now
// and then of the desktop host, at any moment of launches. What was answered is in
// a journal, no desktop has two users, sessions go on, and what was not answered
// can be asked again.
func TestKilledInLaunches(t *testing.T) {
	t.Parallel()
	total, _ := kills(t, 60)
	c := castOf(t, 24, "cc01", "cc02", "cc03")
	e := newEditions(t, c, 8)
	c.startCloud()
	e.next(t)
	c.start()
	c.startHost()
	c.front = c.storefront()
	for _, p := range c.players {
		p.Shows(act, "a snapshot", hasSnapshot)
	}
	c.players[0].Outage("force", "drill")
	c.holds(c.players[0])

	throng := newThrong(c)
	stop := throng.launch(8)
	chance := rand.New(rand.NewPCG(1, 2))
	for i := range total {
		pause(t.Context(), time.Duration(chance.IntN(400))*time.Millisecond)
		if i%6 == 5 {
			c.host.Kill()
			c.startHost()
		} else {
			victim := c.serving()
			c.kill(victim)
			c.start(victim)
		}
		throng.journaled()
	}
	stop()
	c.holds(c.players[0])
	throng.journaled()
	for i := range 8 {
		c.served(act, fmt.Sprintf("user%05d", i), "desktop:pool")
	}
	t.Logf("%d kills, %d launches answered, %d not", total, len(throng.answered), throng.refused)
	if len(throng.answered) < total/2 {
		t.Errorf("%d answered launches are too few to tell anything", len(throng.answered))
	}
}

func hasSnapshot(s wire.Status) error {
	if s.Snapshot == nil || s.Starting {
		return fmt.Errorf("snapshot %+v, starting %v", s.Snapshot, s.Starting)
	}
	return nil
}

// serving is the connector that serves, or one of those that do not.
func (c *cast) serving() *player {
	for _, p := range c.players {
		if s, err := p.Status(); err == nil && s.Election.Serving {
			return p
		}
	}
	return c.players[0]
}

// throng are users that launch, work and log off all the time.
type throng struct {
	c *cast

	mu       sync.Mutex // guards what follows
	answered []broker.Record
	looked   int // how many of answered were found in a journal
	refused  int
	owners   map[site.FQDN]string
}

func newThrong(c *cast) *throng { return &throng{c: c, owners: map[site.FQDN]string{}} }

// launch lets so many users begin; the result ends it.
func (w *throng) launch(users int) (stop func()) {
	ctx, cancel := context.WithCancel(w.c.t.Context())
	var all sync.WaitGroup
	for i := range users {
		all.Go(func() { w.work(ctx, fmt.Sprintf("user%05d", i)) })
	}
	stop = sync.OnceFunc(func() { cancel(); all.Wait() })
	w.c.t.Cleanup(stop)
	return stop
}

func (w *throng) work(ctx context.Context, user string) {
	for ctx.Err() == nil {
		answer, err := w.c.launch(user, "desktop:pool")
		if err != nil {
			w.refuse()
			pause(ctx, poll)
			continue
		}
		w.take(user, answer)
		if err := await(act, func() error { return w.sit(answer) }); err != nil {
			w.c.t.Errorf("%s lost session %s on %s: %v (RAS-03)", user, answer.Session, answer.Machine, err)
			return
		}
		w.leave(answer)
	}
}

func (w *throng) refuse() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refused++
}

func (w *throng) take(user string, answer wire.LaunchAnswer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if owner := w.owners[answer.Machine]; owner != "" && owner != user {
		w.c.t.Errorf("%s got %s, which is %s's (LHC-25)", user, answer.Machine, owner)
	}
	w.owners[answer.Machine] = user
	if !answer.Reconnected {
		w.answered = append(w.answered, launchOf(user, answer))
	}
}

// leave logs off; the desktop may be another one's from when that is asked for.
func (w *throng) leave(answer wire.LaunchAnswer) {
	w.mu.Lock()
	delete(w.owners, answer.Machine)
	w.mu.Unlock()
	if err := await(act, func() error { return w.act(answer, "logoff") }); err != nil {
		w.c.t.Errorf("log off from %s: %v", answer.Machine, err)
	}
}

// sit is a user who connects: a simulated one of a host that was killed forgets to.
func (w *throng) sit(answer wire.LaunchAnswer) error {
	if err := w.c.seated(answer); err == nil {
		return nil
	}
	if err := w.act(answer, "connect"); err != nil {
		return err
	}
	return w.c.seated(answer)
}

func (w *throng) act(answer wire.LaunchAnswer, what string) error {
	resp, err := http.Post(w.c.simulation(answer)+"/sessions/"+answer.Session+"/"+what, "", http.NoBody)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusNotFound {
		return errors.New(resp.Status)
	}
	return nil
}

// journaled fails the test unless each answered launch is in the journal of one of
// the connectors.
func (w *throng) journaled() {
	w.c.t.Helper()
	w.mu.Lock()
	answered := w.answered[w.looked:]
	w.looked = len(w.answered)
	w.mu.Unlock()
	var journal []broker.Record
	for _, p := range w.c.players {
		journal = append(journal, p.journal()...)
	}
	for _, r := range answered {
		if !slices.ContainsFunc(journal, func(o broker.Record) bool { return sameLaunch(o, r) }) {
			w.c.t.Errorf("no journal has the launch %+v", r)
		}
	}
}

func (p *player) journal() []broker.Record {
	p.t.Helper()
	state, err := localdb.OpenStateReadOnly(p.data)
	must(p.t, err)
	defer func() { _ = state.Close() }()
	records, err := state.Journal(p.t.Context())
	must(p.t, err)
	return records
}

// longestPublication is how long one of importUsers takes at most.
const longestPublication = 120 * time.Millisecond

// TestKilledInPublications: NEW-08: kill -9 of the cloud broker amid a publication
// leaves the old version of the site or the new one, whole.
func TestKilledInPublications(t *testing.T) {
	t.Parallel()
	total, _ := kills(t, 40)
	c := castOf(t, 3, "cc01")
	e := newEditions(t, c, importUsers)
	c.startCloud()
	last := e.next(t)
	chance := rand.New(rand.NewPCG(3, 4))
	amid, within := 0, longestPublication
	for i := range total {
		answer := make(chan site.Version, 1)
		go func() {
			v, _ := e.publish(context.WithoutCancel(t.Context())) // which may well be killed
			answer <- v
		}()
		pause(t.Context(), time.Duration(chance.Int64N(int64(within))))
		c.cloud.Kill()
		answered := <-answer
		c.startCloud()
		found := e.found(t)
		switch {
		case answered.Number > 0 && found.Version != answered:
			t.Fatalf("kill %d: got version %s, want %s, which was answered", i, found.Version, answered)
		case found.Version != last && found.Version.Number != last.Number+1:
			t.Fatalf("kill %d: got version %s, want %s or the one after", i, found.Version, last)
		case found.Version != last && found.Site.Groups[0].Desktop != fmt.Sprintf("Pool %d", e.count):
			t.Fatalf("kill %d: version %s has %q, want Pool %d", i, found.Version, found.Site.Groups[0].Desktop, e.count)
		case len(found.Site.Users) != importUsers:
			t.Fatalf("kill %d: version %s has %d users, want %d", i, found.Version, len(found.Site.Users), importUsers)
		}
		// The kills come at the pace of the machine, so that some are amid and some after.
		if answered.Number == 0 {
			amid++
			within = min(within*5/4, longestPublication)
		} else {
			within = max(within*4/5, time.Millisecond)
		}
		last = found.Version
	}
	t.Logf("%d kills, %d of them amid a publication", total, amid)
	if amid < total/5 {
		t.Errorf("%d kills amid a publication are too few to tell anything", amid)
	}
}

// found is the site that the cloud broker serves, as soon as it does.
func (e *editions) found(t testing.TB) (p cloud.Published) {
	t.Helper()
	eventually(t, act, "the cloud broker serves the site", func() (err error) {
		p, err = e.operator.Site(t.Context())
		return err
	})
	return p
}
