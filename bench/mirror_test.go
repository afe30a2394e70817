//go:build linux

package bench_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/vda"
	"understudy/wire"
)

// measureMirror measures the copies that peers keep of the serving connector's state.
func measureMirror(l *lab) {
	l.firstCopy()
	l.mirrorLag()
	l.mirroredStorm()
}

// source is a secondary broker in this process whose state others may mirror over
// loopback.
type source struct {
	index   *site.Index
	engine  *broker.Engine
	address string
}

var mirrored = broker.Options{Broker: "cc01.bench.test", Zone: "berlin", HA: true}

// newSource serves the mirror, and what more says, beside it.
func (l *lab) newSource(machines int, more func(*source, chi.Router)) *source {
	s := &source{index: site.NewIndex(bigSite(machines, site.Connector{FQDN: mirrored.Broker, Zone: "berlin"})), address: l.loopback() + ":7489"}
	s.engine = broker.New(mirrored, s.index)
	s.engine.Mirror()
	published := peer.NewPublication(peer.PublicationOptions{
		Stream: "bench", Outage: "bench", Term: func() uint64 { return 1 }, Engine: s.engine, Records: noRecords{},
		Present: func(site.FQDN) bool { return true }, Gate: func(context.Context) error { return nil },
	})
	router := chi.NewRouter()
	router.Post("/peer/v1/mirror", peer.ServeMirror(func() *peer.Publication { return published }))
	if more != nil {
		more(s, router)
	}
	listener := need(net.Listen("tcp", s.address))
	server := &http.Server{Handler: router, ReadHeaderTimeout: 10 * time.Second}
	l.atEnd(func() { _ = server.Close() })
	go func() { _ = server.Serve(listener) }()
	return s
}

// noRecords: registrations leave no durable ones.
type noRecords struct{}

func (noRecords) Held() (map[string]uint64, <-chan struct{}) { return nil, nil }
func (noRecords) MissingFrom(context.Context, map[string]uint64, int) ([]broker.Record, error) {
	return nil, nil
}

func (noRecords) Surpass(context.Context, uint64) error { return nil }

// fill registers all machines.
func (s *source) fill() {
	for _, m := range s.index.Site().Machines {
		_, _, err := s.engine.Register(time.Now(), env.Token(env.Real().Rand("leases")), broker.Registration{
			Machine: m.Name, Zone: "berlin", Callback: "http://127.0.0.1:7485/m/" + string(m.Name), Capacity: 20,
		})
		must(err)
	}
}

// copyist keeps a copy of a source.
type copyist struct {
	mesh   *peer.Mesh
	engine *broker.Engine
	ask    wire.MirrorRequest
}

func (s *source) newCopyist(name site.FQDN) *copyist {
	mesh := need(peer.New(peer.Options{Env: env.Real(), Self: name, Site: "bench", Zone: "berlin"}))
	mesh.SetPeers([]site.Connector{{FQDN: mirrored.Broker, Zone: "berlin", PeerURL: "http://" + s.address}})
	c := &copyist{mesh: mesh, engine: broker.New(mirrored, s.index)}
	c.engine.Mirror()
	c.ask = wire.MirrorRequest{Protocols: []int{wire.MirrorProtocol}, Outage: "bench", Term: 1}
	return c
}

// next applies one answer, and has each part of it told of.
func (c *copyist) next(ctx context.Context, told func(more bool) error) error {
	return c.mesh.Mirror(ctx, mirrored.Broker, c.ask, func(got peer.Mirrored) error {
		c.engine.Import(time.Now(), got.Items)
		c.ask.Stream, c.ask.Position = got.Stream, got.To
		return told(got.More)
	})
}

var errWhole = errors.New("the copy is whole")

// firstCopy compares the whole state, read by a peer, with a stream of the same
// registrations that is written as it comes and kept in a map.
func (l *lab) firstCopy() {
	s := l.newSource(*options.machines, nil)
	s.fill()
	list := s.plain()
	var p pairs
	for round := range *options.rounds + 1 {
		ours, peer := s.copyOnce(), l.plainStream(list)
		if round > 0 {
			p.add(ours.Seconds(), peer.Seconds())
		}
	}
	name := fmt.Sprintf("mirror: first copy of %d registrations", *options.machines)
	l.table.add(row{Name: name, Value: median(p.ours), Unit: "s", Against: fmt.Sprintf("plain binary stream, decoded and kept in a map: %s s", short(median(p.peer))), Ratio: p.ratio()}, atMost(1.5))
}

func (s *source) copyOnce() time.Duration {
	began := time.Now()
	c := s.newCopyist("cc02.bench.test")
	for whole := false; !whole; {
		err := c.next(context.Background(), func(more bool) error {
			if !more {
				return errWhole
			}
			return nil
		})
		if whole = errors.Is(err, errWhole); !whole {
			must(err)
		}
	}
	took := time.Since(began)
	if got, want := c.engine.Stats().Registrations, len(s.index.Site().Machines); got != want {
		panic(stop{fmt.Errorf("the copy has %d registrations, not %d", got, want)})
	}
	return took
}

// mark is a position of the source's changes and when it was there, or at a copy.
type mark struct {
	position uint64
	at       time.Time
}

// marks are in order of their positions.
type marks struct {
	mu   sync.Mutex
	list []mark
}

func (m *marks) add(position uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.list = append(m.list, mark{position, time.Now()})
}

// mirrorLag registers all machines over HTTP while two copies are kept, all in this
// process, and says how long after its answer each change was in both.
func (l *lab) mirrorLag() {
	var made marks
	s := l.newSource(*options.machines, func(s *source, router chi.Router) {
		desks := need(vda.New(vda.Options{Engine: s.engine, Recorder: noJournal{}, Rand: env.Real().Rand("leases")}))
		router.Group(func(r chi.Router) {
			r.Use(func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					next.ServeHTTP(w, r)
					head, _ := s.engine.Changed()
					made.add(head)
				})
			})
			desks.Routes(r)
		})
	})
	ctx, cancel := context.WithCancel(l.ctx)
	copies := []*marks{{}, {}}
	var readers sync.WaitGroup
	for i, kept := range copies {
		c := s.newCopyist(site.FQDN(fmt.Sprintf("cc%02d.bench.test", i+2)))
		readers.Go(func() {
			for ctx.Err() == nil {
				_ = c.next(ctx, func(bool) error { kept.add(c.ask.Position); return nil })
			}
		})
	}
	o := storm{address: s.address, conns: callers, requests: posts("/vda/v1/registrations", registrations(*options.machines))}.run()
	head, _ := s.engine.Changed()
	until("both copies have everything", 10*time.Second, func() bool { return copies[0].reached(head) && copies[1].reached(head) })
	cancel()
	readers.Wait()
	lags := slices.Concat(made.until(copies[0]), made.until(copies[1]))
	slices.Sort(lags)
	l.table.add(row{Name: "mirror: lag of two copies in a storm, p99", Value: ms(lags[len(lags)*99/100]), Unit: "ms", Against: fmt.Sprintf("%.0f registrations/s by %d connections, median %s ms", o.rate, callers, short(ms(lags[len(lags)/2])))}, noMoreThan(20, "ms"))
}

// noJournal takes no records: there are none of registrations.
type noJournal struct{}

func (noJournal) Record(context.Context, []broker.Record) error { return nil }

func (m *marks) reached(position uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.list) > 0 && m.list[len(m.list)-1].position >= position
}

// until is for each mark how much later a copy was there.
func (m *marks) until(there *marks) []time.Duration {
	out := make([]time.Duration, 0, len(m.list))
	for _, made := range m.list {
		i := sort.Search(len(there.list), func(i int) bool { return there.list[i].position >= made.position })
		out = append(out, max(0, there.list[i].at.Sub(made.at)))
	}
	return out
}

// mirroredStorm compares a connector that two peers mirror with one that has none.
func (l *lab) mirroredStorm() {
	const machines = 20_000
	big := func(c ...site.Connector) *site.Site {
		s := bigSite(machines, c...)
		s.Zones[0].Settings = nimble(c...).Zones[0].Settings
		return s
	}
	three, one := l.newStand(3, big), l.newStand(1, big)
	three.force(three.zone[0])
	one.force(one.zone[0])
	requests := posts("/vda/v1/registrations", registrations(machines))
	requests = slices.Concat(requests, requests)
	p, _ := compare(clientAddress(three.zone[0]), clientAddress(one.zone[0]), requests, requests)
	l.table.add(row{Name: "mirror: registrations with two peers that keep copies", Value: median(p.ours), Unit: "requests/s", Against: fmt.Sprintf("a connector without peers: %.0f/s", median(p.peer)), Ratio: p.ratio()}, atLeast(0.8))
}
