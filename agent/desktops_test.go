package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"understudy/callin"
	"understudy/relay"
	"understudy/site"
)

// lonely is a directory whose peer, disk and site are a script.
type lonely struct {
	*directory
	baton
	peer    *callin.Directory
	boot    string
	machine func(site.FQDN) bool
	disk    map[site.FQDN]string
	writes  []int // how many desktops each
	broken  error
	site    site.Version
	begin   func() // lets it run
	stop    func()
}

// rest lets the time pass after a change, for the first time from the start.
func (l *lonely) rest(d time.Duration) {
	l.begin()
	l.baton.rest(d)
}

func newLonely(t *testing.T) *lonely {
	t.Helper()
	l := &lonely{
		peer: callin.NewDirectory(maxDesktops), boot: "b1", machine: func(site.FQDN) bool { return true }, disk: map[site.FQDN]string{},
		site: site.Version{History: "h", Number: 1},
	}
	l.directory = &directory{
		known: callin.NewDirectory(maxDesktops), read: map[site.FQDN]directoryHead{}, due: eachSecond,
		heads: func() []directoryHead { return []directoryHead{{peer: "cc2", boot: l.boot, head: l.peer.Head()}} },
		ask: func(_ context.Context, _ site.FQDN, after uint64) (callin.Part, error) {
			return l.peer.After(after, directoryPart), l.broken
		},
		ours: func(list []callin.Desktop) []callin.Desktop {
			return slices.DeleteFunc(list, func(d callin.Desktop) bool { return !l.machine(d.Machine) })
		},
		save: func(_ context.Context, list []callin.Desktop) error {
			if l.broken != nil {
				return l.broken
			}
			l.writes = append(l.writes, len(list))
			for _, d := range list {
				l.disk[d.Machine] = d.Callback
			}
			return nil
		},
		drop: func(_ context.Context, names []site.FQDN) error {
			for _, name := range names {
				delete(l.disk, name)
			}
			return nil
		},
		version: func() site.Version { return l.site },
		gate:    l.baton.gate,
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	l.begin = sync.OnceFunc(func() { go func() { defer close(ended); l.run(ctx) }() })
	l.stop = func() { l.begin(); cancel(); <-ended }
	return l
}

func fill(d *callin.Directory, n int) {
	for i := range n {
		d.Learn(site.FQDN(fmt.Sprintf("d%d", i)), fmt.Sprintf("http://d%d", i), uint64(i+1), 1)
	}
}

// NEW-02: what a peer has learned is known here within seconds, and on the disk in
// small batches.
func TestDirectoryFollowsPeersAndDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLonely(t)
		defer l.stop()
		fill(l.peer, 12_000)
		l.rest(10 * time.Second)
		if l.known.Callable() != 12_000 || len(l.disk) != 12_000 || slices.Max(l.writes) > directoryOnDisk {
			t.Errorf("%d are known, %d on the disk, by writes of up to %d", l.known.Callable(), len(l.disk), slices.Max(l.writes))
		}
		before := len(l.writes)
		l.peer.Forget(5)
		l.rest(10 * time.Second)
		if l.known.Callable() != 11_999 || l.disk["d4"] != "" || len(l.writes) != before+1 {
			t.Errorf("%d can be called, d4 at %q, %d more writes", l.known.Callable(), l.disk["d4"], len(l.writes)-before)
		}
	})
}

// NEW-02: a peer that has restarted, one that does not answer, and a disk that takes
// nothing lose nothing.
func TestDirectoryOverBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLonely(t)
		defer l.stop()
		fill(l.peer, 10)
		l.rest(5 * time.Second)
		l.broken = errors.New("no route to host, no space left on device")
		l.peer.Learn("new", "http://new", 99, 1)
		l.known.Learn("own", "http://own", 98, 1)
		l.rest(5 * time.Second)
		if len(l.disk) != 10 || l.known.Callable() != 11 {
			t.Errorf("%d on the disk, %d known", len(l.disk), l.known.Callable())
		}
		l.peer, l.boot, l.broken = callin.NewDirectory(maxDesktops), "b2", nil
		l.peer.Learn("new", "http://new", 99, 1)
		l.rest(5 * time.Second)
		if len(l.disk) != 12 || l.known.Callable() != 12 {
			t.Errorf("%d on the disk, %d known, want all 12", len(l.disk), l.known.Callable())
		}
	})
}

// NEW-02: what the site has no longer goes, from the disk too, and does not come back
// from a peer; without a site there is nothing to go by.
func TestDirectoryGoesByTheSite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLonely(t)
		defer l.stop()
		l.site = site.Version{}
		fill(l.peer, 10)
		l.rest(5 * time.Second)
		if l.known.Callable() != 0 {
			t.Errorf("%d are known before there is a site", l.known.Callable())
		}
		l.site = site.Version{History: "h", Number: 2}
		l.rest(5 * time.Second)
		l.machine = func(name site.FQDN) bool { return name != "d3" }
		l.site.Number = 3
		l.rest(5 * time.Second)
		l.peer.Learn("d3", "http://d3", 77, 1)
		l.rest(5 * time.Second)
		if _, on := l.disk["d3"]; on || l.known.Callable() != 9 || len(l.disk) != 9 {
			t.Errorf("%d are known, %d on the disk: %v", l.known.Callable(), len(l.disk), l.disk)
		}
	})
}

// NEW-02: "share them with their peers": also where a peer that has a newer site
// already learns of a new desktop first.
func TestDirectoryLearnsOfNewMachines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLonely(t)
		defer l.stop()
		l.machine = func(name site.FQDN) bool { return name != "new" }
		fill(l.peer, 10)
		l.rest(5 * time.Second)
		l.peer.Learn("new", "http://new", 77, 1)
		l.peer.Learn("d1", "http://elsewhere", 78, 1)
		l.rest(5 * time.Second)
		if l.known.Callable() != 10 {
			t.Errorf("%d are known, want those of the site", l.known.Callable())
		}
		l.machine = func(site.FQDN) bool { return true }
		l.site.Number++
		l.rest(5 * time.Second)
		if l.disk["new"] != "http://new" || l.known.Callable() != 11 {
			t.Errorf("%d are known, the new one at %q", l.known.Callable(), l.disk["new"])
		}
	})
}

// NEW-02: "Connectors learn every VDA's callback and lease from relayed
// registrations", the term from heartbeats, and what gave its lease back is not called.
func TestLearnsFromWhatIsRelayed(t *testing.T) {
	a := muted(Options{})
	a.known = callin.NewDirectory(maxDesktops)
	a.inviter = &inviter{}
	registration := []byte(`{"machine":"d1","callback":"http://d1"}`)
	a.onRelayed(relay.Exchange{Kind: relay.Register, Status: http.StatusForbidden, Request: registration, Answer: []byte(`{"lease":"l/1","term":3}`)})
	a.onRelayed(relay.Exchange{Kind: relay.Register, Status: http.StatusTooManyRequests, Request: registration, RetryAfter: 9 * time.Second})
	if a.known.Callable() != 0 || a.inviter.heldFor() < 8*time.Second {
		t.Errorf("%d known of who was refused, held for %s", a.known.Callable(), a.inviter.heldFor())
	}
	a.onRelayed(relay.Exchange{Kind: relay.Register, Status: http.StatusCreated, Request: registration, Answer: []byte(`{"lease":"l/1","term":3}`)})
	if got := a.known.Below(4); len(got) != 1 || got[0].Callback != "http://d1" {
		t.Errorf("got %v", got)
	}
	lease := "/vda/v1/registrations/l%2F1"
	a.onRelayed(relay.Exchange{Kind: relay.Heartbeat, Status: http.StatusOK, Target: lease, Answer: []byte(`{"lease":"l/1","term":7}`)})
	if a.known.Term("d1") != 7 {
		t.Errorf("got term %d after a heartbeat", a.known.Term("d1"))
	}
	a.onRelayed(relay.Exchange{Kind: relay.Unregister, Status: http.StatusNoContent, Target: lease})
	if a.known.Callable() != 0 {
		t.Error("who gave its lease back can still be called")
	}
}
