package peer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// shelf is a journal in memory.
type shelf struct {
	mu    sync.Mutex // guards what follows
	last  map[string]uint64
	first uint64 // that is kept of the own one
	news  chan struct{}
}

func (s *shelf) Held() (last map[string]uint64, next <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.news
}

func (s *shelf) MissingFrom(_ context.Context, has map[string]uint64, _ int) ([]broker.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []broker.Record
	for n := max(has["own"]+1, s.first); n <= s.last["own"]; n++ {
		out = append(out, broker.Record{Journal: "own", Sequence: n, Kind: broker.Launched})
	}
	return out, nil
}

func (s *shelf) Surpass(_ context.Context, sequence uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = maps.Clone(s.last)
	s.last["own"] = max(s.last["own"], sequence)
	return nil
}

func (s *shelf) add() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = maps.Clone(s.last)
	s.last["own"]++
	close(s.news)
	s.news = make(chan struct{})
}

// stage is a publication over an engine with some machines.
type stage struct {
	*Publication
	engine *broker.Engine
	shelf  *shelf
	there  bool
}

func newStage() *stage {
	all := &site.Site{Name: "acme", Zones: []site.Zone{{Name: "east"}}, Groups: []site.DeliveryGroup{
		{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm"},
	}}
	for _, name := range []site.FQDN{"h1", "h2", "h3"} {
		all.Machines = append(all.Machines, site.Machine{Name: name, Group: "farm", Zone: "east", Capacity: 10, Weight: 100})
	}
	s := &stage{
		engine: broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, site.NewIndex(all)),
		shelf:  &shelf{last: map[string]uint64{}, news: make(chan struct{})}, there: true,
	}
	s.engine.Mirror()
	s.Publication = NewPublication(PublicationOptions{
		Stream: "s1", Outage: "o1", Term: func() uint64 { return 7 }, Engine: s.engine, Records: s.shelf, Journal: "own",
		Present: func(site.FQDN) bool { return s.there }, Gate: func(context.Context) error { return nil },
	})
	return s
}

func (s *stage) register(t *testing.T, name site.FQDN) {
	t.Helper()
	_, _, err := s.engine.Register(time.Now(), "lease-"+string(name), broker.Registration{Machine: name, Zone: "east", Callback: "http://" + string(name), Capacity: 10})
	if err != nil {
		t.Fatal(err)
	}
}

func asking(position, held uint64) wire.MirrorRequest {
	return wire.MirrorRequest{
		Protocols: []int{1}, Outage: "o1", Term: 7, Stream: "s1", Position: position, Held: []wire.MirrorMark{{Journal: "own", Sequence: held}},
	}
}

// NEW-01: the state first, then the tail as soon as there is one; nothing to tell is
// told after a moment.
func TestStateThenTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		first, err := s.Answer(t.Context(), "cc2", wire.MirrorRequest{Protocols: []int{1}, Outage: "o1"})
		if err != nil || !first.Anew || first.More || len(first.Items) != 1 {
			t.Fatalf("got %+v, %v, want the state", first, err)
		}
		began := time.Now()
		idle, err := s.Answer(t.Context(), "cc2", asking(first.To, 0))
		if waited := time.Since(began); err != nil || len(idle.Items) > 0 || waited != mirrorHold {
			t.Errorf("got %+v, %v after %s", idle, err, waited)
		}
		time.AfterFunc(70*time.Millisecond, func() { s.register(t, "h2") })
		began = time.Now()
		tail, err := s.Answer(t.Context(), "cc2", asking(first.To, 0))
		if waited := time.Since(began); err != nil || tail.Anew || len(tail.Items) != 1 || tail.Items[0].Machine != "h2" || waited != 70*time.Millisecond {
			t.Errorf("got %+v, %v after %s, want the tail at once", tail, err, waited)
		}
	})
}

// NEW-01: a peer that waits has had everything until the moment at which there is a
// record more, as it has until the engine changes.
func TestLevelUntilThereIsARecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		first, err := s.Answer(t.Context(), "cc2", asking(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(70*time.Millisecond, s.shelf.add)
		if got, err := s.Answer(t.Context(), "cc2", asking(first.To, 0)); err != nil || len(got.Records) != 1 {
			t.Fatalf("got %+v, %v, want the record", got, err)
		}
		<-time.After(30 * time.Millisecond)
		s.register(t, "h2")
		if lags := s.Lags(time.Now()); len(lags) != 1 || lags[0].Behind != 30*time.Millisecond {
			t.Errorf("got %+v, want 30ms", lags)
		}
	})
}

// NEW-01: a position of another secondary broker counts for nothing: the state again.
func TestAnotherStreamBeginsAnew(t *testing.T) {
	s := newStage()
	s.register(t, "h1")
	r := asking(1, 0)
	r.Stream = "s0"
	if got, err := s.Answer(t.Context(), "cc2", r); err != nil || !got.Anew || len(got.Items) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// ADC-04: mirroring is refused, with a reason, between versions that do not understand
// each other; and for another outage, and by one that has lost the office.
func TestMirrorRefused(t *testing.T) {
	s := newStage()
	for code, change := range map[string]func(*wire.MirrorRequest){
		wire.CodeVersion + ": speaks mirror protocol 1": func(r *wire.MirrorRequest) { r.Protocols = []int{2, 3} },
		wire.CodeRefused + ": serves in outage o1":      func(r *wire.MirrorRequest) { r.Outage = "o0" },
		wire.CodeRefused + ": with term 7":              func(r *wire.MirrorRequest) { r.Term = 8 },
	} {
		r := asking(0, 0)
		change(&r)
		_, err := s.Answer(t.Context(), "cc2", r)
		p, ok := errors.AsType[*wire.Problem](err)
		want, detail, _ := strings.Cut(code, ": ")
		if !ok || p.Code != want || !strings.Contains(p.Detail, detail) {
			t.Errorf("got %v, want %s", err, code)
		}
	}
}

// Design 7: a launch waits at most 100 ms for one present peer to have it, and for
// nobody where no present peer reads.
func TestAwaitAcknowledgement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		if took := s.await(t, false); took != 0 {
			t.Errorf("without peers it took %s", took)
		}
		if _, err := s.Answer(t.Context(), "cc2", asking(0, 0)); err != nil {
			t.Fatal(err)
		}
		if took := s.await(t, false); took != 100*time.Millisecond {
			t.Errorf("a peer that does not answer held it up for %s", took)
		}
		s.shelf.add()
		head, _ := s.engine.Changed()
		ask := func(position, held uint64) func() {
			return func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				defer cancel()
				_, _ = s.Answer(ctx, "cc2", asking(position, held))
			}
		}
		time.AfterFunc(20*time.Millisecond, ask(head, 0)) // the record is not on its disk yet
		time.AfterFunc(50*time.Millisecond, ask(head, 1))
		if took := s.await(t, true); took != 50*time.Millisecond {
			t.Errorf("acknowledged after %s, want 50ms", took)
		}
		s.shelf.add()
		s.there = false
		if took := s.await(t, false); took != 0 {
			t.Errorf("a peer that is not heard held it up for %s", took)
		}
		synctest.Wait()
	})
}

func (s *stage) await(t *testing.T, want bool) time.Duration {
	t.Helper()
	began := time.Now()
	if got := s.Await(t.Context(), 100*time.Millisecond); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	return time.Since(began)
}

// NEW-01: what changes soon after a peer has asked goes in one answer, and that in no
// more than a moment; what a launch waits for, and what may fill an answer, goes at once.
func TestChangesGoTogether(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *stage)
		items     int
		after     time.Duration
	}{
		"one after the other": {func(*testing.T, *stage) {}, 2, mirrorGather},
		"somebody begins to wait": {func(t *testing.T, s *stage) {
			t.Helper()
			time.AfterFunc(3*time.Millisecond, func() { s.Await(t.Context(), time.Second) })
		}, 2, 3 * time.Millisecond},
		"somebody waits already": {func(t *testing.T, s *stage) {
			t.Helper()
			go func() { defer s.urge()(); <-t.Context().Done() }()
		}, 1, time.Millisecond},
		"there is a lot": {func(t *testing.T, s *stage) {
			t.Helper()
			for range mirrorItems {
				s.register(t, "h2")
			}
		}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.register(t, "h1")
				head, _ := s.engine.Changed()
				if _, err := s.Answer(t.Context(), "cc2", asking(0, 0)); err != nil {
					t.Fatal(err)
				}
				s.meanwhile(t, c.meanwhile)
				began := time.Now()
				got, err := s.Answer(t.Context(), "cc2", asking(head, 0))
				if took := time.Since(began); err != nil || len(got.Items) != c.items || took != c.after {
					t.Errorf("got %d items, %v after %s, want %d after %s", len(got.Items), err, took, c.items, c.after)
				}
			})
		})
	}
}

// meanwhile has two machines register soon, and something else happen.
func (s *stage) meanwhile(t *testing.T, happens func(*testing.T, *stage)) {
	t.Helper()
	happens(t, s)
	time.AfterFunc(time.Millisecond, func() { s.register(t, "h2") })
	time.AfterFunc(2*time.Millisecond, func() { s.register(t, "h3") })
}

// Status: who is behind, how far and for how long.
func TestLags(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		head, _ := s.engine.Changed()
		if _, err := s.Answer(t.Context(), "cc2", asking(head, 0)); err != nil {
			t.Fatal(err)
		}
		s.register(t, "h2")
		time.Sleep(3 * time.Second)
		want := []Lag{{Peer: "cc2", Position: head, Head: head + 1, Behind: 4 * time.Second}}
		if diff := cmp.Diff(want, s.Lags(time.Now())); diff != "" {
			t.Error(diff)
		}
	})
}

// ADC-04: who writes a connector of their own finds the protocol in the docs: its
// number, and a row for each kind of item.
func TestMirrorIsInTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"`POST " + mirrorPath + "`", fmt.Sprintf(`"protocols":[%d]`, wire.MirrorProtocol)}
	for kind := broker.ItemHost; kind <= broker.ItemSeat; kind++ {
		want = append(want, fmt.Sprintf("\n| %d ", kind))
	}
	for _, w := range want {
		if !strings.Contains(string(page), w) {
			t.Errorf("docs/api.md does not have %q", w)
		}
	}
}

var _ http.Handler = ServeMirror(nil)

// NEW-01: a peer that asks for records which are forgotten, because the cloud broker
// has them, misses nothing. It is not answered over and over, no launch waits for it,
// and it can take over.
func TestForgottenRecordsAreNotMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.shelf.last = map[string]uint64{"own": 100, "old": 50}
		s.shelf.first = 101
		state, err := s.Answer(t.Context(), "cc2", wire.MirrorRequest{Protocols: []int{1}, Outage: "o1"})
		if err != nil || state.More {
			t.Fatalf("got %+v, %v", state, err)
		}
		began := time.Now()
		if _, err := s.Answer(t.Context(), "cc2", asking(state.To, 0)); err != nil || time.Since(began) != mirrorHold {
			t.Errorf("got %v after %s, want an answer after %s", err, time.Since(began), mirrorHold)
		}
		if !s.Level("cc2") {
			t.Error("the peer never has everything")
		}
		s.await(t, true)
		s.shelf.add()
		if s.Level("cc2") {
			t.Error("the peer has a record that it was not sent")
		}
		if got, err := s.Answer(t.Context(), "cc2", asking(state.To, 0)); err != nil || len(got.Records) != 1 || got.Records[0].Sequence != 101 {
			t.Errorf("got %+v, %v, want the new record", got, err)
		}
	})
}

// NEW-01: who serves no longer has nothing to mirror. What a peer has copied of it
// stays, and is not replaced by an empty state.
func TestRetiredMirrorsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		time.AfterFunc(70*time.Millisecond, s.engine.Retire)
		began := time.Now()
		got, err := s.Answer(t.Context(), "cc2", asking(1, 0))
		if !wire.IsCode(err, wire.CodeNotElected) || time.Since(began) != 70*time.Millisecond {
			t.Errorf("got %+v, %v after %s", got, err, time.Since(began))
		}
	})
}

// NEW-04: who was put back from a backup learns from a peer how far its journal went,
// before it gives a name twice: the peer would take the new record for one that it has.
func TestPeerHasMoreOfTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.shelf.last = map[string]uint64{"own": 3}
		r := asking(0, 10)
		r.Stream = ""
		state, err := s.Answer(t.Context(), "cc2", r)
		if err != nil {
			t.Fatal(err)
		}
		s.shelf.add()
		got, err := s.Answer(t.Context(), "cc2", asking(state.To, 10))
		if err != nil || len(got.Records) != 1 || got.Records[0].Sequence != 11 {
			t.Errorf("got %+v, %v, want record 11", got, err)
		}
	})
}
