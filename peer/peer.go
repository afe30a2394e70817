// Package peer is the peer channel of a zone: every connector tells every other
// one what it is and knows, several times a second, newest only, and hears the
// same of them. It says who is heard, lost or stopped; what follows from that is
// decided elsewhere. Requests between connectors travel on connections of their
// own, so that nothing can hold up the facts. The agent runs it.
package peer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Defaults of the channel.
const (
	DefaultInterval = 100 * time.Millisecond
	DefaultDeadline = 2 * time.Second
)

// Options are what a Mesh needs.
type Options struct {
	Env  env.Env
	Self site.FQDN
	Site string
	Zone string
	// Protocol is the version of the peer channel that is spoken; empty means
	// wire.PeerProtocol.
	Protocol string
	// TLS is the client side, with this connector's certificate; nil means plain
	// HTTP on loopback addresses. The listener is the caller's.
	TLS env.TLS
	// Interval is how often facts are repeated.
	Interval time.Duration
	// Deadline is how long a silent peer counts as heard; it may change.
	Deadline func() time.Duration
	// OnChange is called, without locks, when a stream came or went or a peer's
	// facts changed. It must not block.
	OnChange func()
	// OnDue is called, without locks, when it is about time for a heartbeat of ours: a
	// peer's has come, or an interval is over. It reports whether a Publish is to
	// follow; else what was published last is repeated. It must not block.
	OnDue func() bool
}

func (o Options) validate() error {
	switch {
	case o.Self == "":
		return errors.New("peer: Self is missing")
	case o.Site == "":
		return errors.New("peer: Site is missing")
	case o.Zone == "":
		return errors.New("peer: Zone is missing")
	case o.Interval < 0:
		return fmt.Errorf("peer: Interval %s is negative", o.Interval)
	}
	return o.Env.Validate()
}

func (o Options) withDefaults() Options {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	o.Protocol = cmp.Or(o.Protocol, wire.PeerProtocol)
	if o.Deadline == nil {
		o.Deadline = func() time.Duration { return DefaultDeadline }
	}
	if o.OnChange == nil {
		o.OnChange = func() {}
	}
	if o.OnDue == nil {
		o.OnDue = func() bool { return false }
	}
	return o
}

// Mesh keeps the streams to and from all peers.
type Mesh struct {
	o Options
	// life ends with Run; probes that handlers started end with it.
	life context.Context
	end  context.CancelFunc
	news chan struct{} // the set of links changed

	mu        sync.Mutex // guards all below
	book      book
	links     map[site.FQDN]*link
	inbound   map[site.FQDN]*inbound
	epoch     uint64 // counts Restarts: streams of an earlier one are dead
	facts     wire.Facts
	published time.Time
	spoken    spoken
	said      *pattern    // of the facts, once they were said
	spoke     time.Time   // when the streams were last told to carry them
	repeat    *time.Timer // until nobody has for too long
	leads     bool        // the latest heartbeat went out before any peer's had come
	asked     bool        // for facts, when the timer ran out
	sent      sentLog
}

// New returns a Mesh without peers. It starts nothing.
func New(o Options) (*Mesh, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.Background())
	m := &Mesh{
		o: o.withDefaults(), life: life, end: end, news: make(chan struct{}, 1),
		book: book{}, links: map[site.FQDN]*link{}, inbound: map[site.FQDN]*inbound{},
	}
	m.repeat = time.AfterFunc(math.MaxInt64, m.beat) // until it is set to an interval
	m.repeat.Stop()
	return m, nil
}

// Run keeps the streams to the peers until ctx ends, then closes them, and takes no
// more. Those from the peers end with their listener: if both ended them, what they are
// answered last would be an accident.
func (m *Mesh) Run(ctx context.Context) error {
	var links sync.WaitGroup
	m.beat()
	for ctx.Err() == nil {
		m.startLinks(ctx, &links)
		select {
		case <-ctx.Done():
		case <-m.news:
		}
	}
	m.end()
	m.mu.Lock()
	m.repeat.Stop()
	m.mu.Unlock()
	links.Wait()
	return nil
}

func (m *Mesh) startLinks(ctx context.Context, running *sync.WaitGroup) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range m.links {
		if l.stop != nil {
			continue
		}
		linkCtx, stop := context.WithCancel(ctx)
		l.stop = stop
		running.Go(func() { l.run(linkCtx) })
	}
}

// SetPeers makes the peers exactly the connectors of our zone in the list, but
// for ourselves. Streams of those that stay are not touched.
func (m *Mesh) SetPeers(connectors []site.Connector) {
	want := map[site.FQDN]string{}
	for _, c := range connectors {
		if c.FQDN != m.o.Self && (c.Zone == "" || c.Zone == m.o.Zone) {
			want[c.FQDN] = c.PeerURL
		}
	}
	m.mu.Lock()
	same := m.linked(want)
	if !same {
		m.replaceLinks(want)
	}
	m.mu.Unlock()
	if !same {
		notify(m.news)
		m.o.OnChange()
	}
}

// linked is called with the lock held.
func (m *Mesh) linked(want map[site.FQDN]string) bool {
	return maps.EqualFunc(want, m.links, func(url string, l *link) bool { return url == l.url })
}

// replaceLinks is called with the lock held.
func (m *Mesh) replaceLinks(want map[site.FQDN]string) {
	for name, l := range m.links {
		if url, ok := want[name]; !ok || url != l.url {
			l.close()
			delete(m.links, name)
		}
	}
	names := make([]site.FQDN, 0, len(want))
	for name, url := range want {
		names = append(names, name)
		if m.links[name] == nil {
			m.links[name] = newLink(m, name, url)
		}
	}
	m.book.set(time.Now(), names)
	for name, in := range m.inbound {
		if _, ok := want[name]; !ok {
			in.drop()
			delete(m.inbound, name)
		}
	}
}

// Publish sets what every peer is to know: at once when it changed, and repeated
// each interval, with the call that comes when one is over or else by itself. What is
// older than the deadline is not repeated, so that a process that has stopped deciding
// falls silent. Identity, protocol and sequence number are filled in here.
func (m *Mesh) Publish(f wire.Facts) {
	f.FQDN, f.Site, f.Zone, f.Protocol = m.o.Self, m.o.Site, m.o.Zone, m.o.Protocol
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	changed := m.published.IsZero() || differ(m.facts, f)
	if changed || !sameAges(m.facts, f) {
		m.said = nil
	}
	m.facts, m.published = f, now
	if changed || m.due(now) {
		m.speak(now)
	}
}

// Restart drops all streams both ways and forgets everything heard: only what is
// sent from now on counts, and every peer has yet to answer.
func (m *Mesh) Restart() {
	m.mu.Lock()
	m.epoch++
	m.spoken = spoken{}
	m.book.forget(time.Now())
	m.dropInbound()
	for _, l := range m.links {
		l.redialNow()
	}
	m.mu.Unlock()
	m.o.OnChange()
}

// dropInbound is called with the lock held.
func (m *Mesh) dropInbound() {
	for name, in := range m.inbound {
		in.drop()
		delete(m.inbound, name)
	}
}

// Sights returns what is known of every peer, in order of name.
func (m *Mesh) Sights(now time.Time) []Sight {
	deadline := m.o.Deadline()
	m.mu.Lock()
	defer m.mu.Unlock()
	sights := m.book.sights(now, deadline)
	for i := range sights {
		sights[i].Echoed = m.echoed(sights[i].Facts)
	}
	return sights
}

// Handler serves the facts endpoint alone.
func (m *Mesh) Handler() http.Handler {
	r := chi.NewRouter()
	m.Routes(r)
	return r
}

// Routes adds the facts endpoint to a router that has others of the peer channel.
func (m *Mesh) Routes(r chi.Router) {
	r.Post(factsPath, m.takeFacts)
}

// note changes the book under the lock and tells the owner if that mattered. What was
// asked before the latest Restart is no answer any more: the peer may run by now.
func (m *Mesh) note(epoch uint64, change func(now time.Time, b book) bool) {
	m.mu.Lock()
	changed := epoch == m.epoch && change(time.Now(), m.book)
	m.mu.Unlock()
	if changed {
		m.o.OnChange()
	}
}

func (m *Mesh) link(name site.FQDN) *link {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.links[name]
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
