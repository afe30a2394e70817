package agent

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/callin"
	"understudy/cloud"
	"understudy/datadir"
	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/peer"
	"understudy/relay"
	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
	"understudy/zone"
)

// Agent is one connector.
type Agent struct {
	o         Options
	authority string
	boot      string
	startedAt time.Time
	born      time.Time // the same by the own clock

	lock      *datadir.FolderLock
	snapshots *localdb.Snapshots
	state     *localdb.State
	cloud     *cloud.Client // directly; nil where the site's own controllers broker
	beside    *beside       // those, else nil
	room      *room         // of it
	passages  passages
	published *published // where the site comes from no cloud broker
	relay     *relay.Relay
	mesh      *peer.Mesh
	callbacks *http.Client
	calls     *http.Client // of invitations
	log       *log
	journal   *journal
	mirror    *mirror
	handback  *handback
	peaks     *peaks
	known     *callin.Directory
	directory *directory
	inviter   *inviter
	disk      *disk
	follower  *follower
	front     *front
	listeners []*listener
	// follows ends requests of the admin API that would last for ever.
	follows    context.Context
	endFollows context.CancelFunc

	// Between goroutines.
	stance    atomic.Pointer[stance]
	tickets   atomic.Pointer[serving] // the secondary broker that issued tickets last
	view      atomic.Pointer[operatorView]
	list      atomic.Pointer[wire.ConnectorList]
	urls      atomic.Pointer[clientURLs]
	holds     atomic.Pointer[wire.Holds] // changed by the loop only
	lists     atomic.Int64               // how many were in use
	lastSync  atomic.Pointer[wire.SyncStatus]
	first     atomic.Pointer[firstAsks] // nil where there is a snapshot
	notBefore atomic.Pointer[time.Time] // who gives the site wants to be left alone until then
	confirmed atomic.Pointer[time.Time]
	seenTerm  atomic.Uint64
	deadline  atomic.Int64 // of the zone's settings, as of the latest round
	calm      atomic.Int64 // until when no round is needed, since the start
	listening atomic.Bool
	wakeup    chan struct{}
	commands  chan func()
	looped    chan struct{} // closed when the loop has ended
	syncNow   chan struct{}
	// syncing lets one sync run at a time; whoever has the turn may use syncFailing,
	// which says that a sync has failed since the last good one, and failed, the one that
	// was told of last.
	syncing     chan struct{}
	syncFailing bool
	failed      failure
	troubles    sync.Map // kinds of trouble that were told of
	refused     refusals
	rounds      *rounds
	pulse       pulse
	sources     *rounds // in which another is to be mirrored
	chores      chores
	probing     func() <-chan struct{} // the next probe of the disk
	spawn       func(func(ctx context.Context))

	// What follows belongs to the loop.
	core        *core
	beat        time.Duration
	calmed      bool   // by the latest round
	entered     string // why the state was entered
	last        time.Time
	serving     *serving
	building    string // the outage whose secondary broker is being made
	wokenLate   time.Time
	unsaved     bool // the zone record was copied, but not yet made durable
	order       *pendingOrder
	promotion   *pendingElection
	returned    uint64 // the term with which it closed the latest outage
	relist      bool   // an operator lets the next list be taken whatever it changes
	listRefused site.Version
	sights      []peer.Sight
	healthSeen  relay.Health
	gate        wire.GateStatus
	gateSaid    *bool
	whyNotSaid  string
	catchingUp  string // which of it will pass by itself
	behind      map[site.FQDN]bool
	elected     electedSince
	heardBefore map[site.FQDN]bool
	unlike      map[site.FQDN]string // the version of the peer channel that each was last heard to speak
	behindSince time.Time
	fetched     time.Time
	listFetched time.Time
	swept       time.Time
	summarised  time.Time
}

// New opens the data folder, binds the listeners and gets everything ready; it
// starts nothing. After an error nothing stays open.
func New(ctx context.Context, o Options) (*Agent, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	a := &Agent{
		o: o, authority: o.STA, boot: env.Short(o.Env.Rand("boot"), 12), startedAt: o.Env.Now().UTC(), born: time.Now(), beat: newBeat(o.Env), rounds: newRounds(), sources: newRounds(),
		wakeup: make(chan struct{}, 1), commands: make(chan func()), looped: make(chan struct{}), syncNow: make(chan struct{}, 1), syncing: make(chan struct{}, 1),
		heardBefore: map[site.FQDN]bool{}, behind: map[site.FQDN]bool{}, passages: passages{to: map[site.FQDN]passage{}},
	}
	if a.authority == "" {
		a.authority = storefront.Authority(o.FQDN)
	}
	a.follows, a.endFollows = context.WithCancel(context.WithoutCancel(ctx))
	a.log = newLog(&a.o)
	a.disk = &disk{log: a.log}
	a.follower = newFollower(&a.o, a.log)
	for _, step := range []func(context.Context) error{a.openData, a.makeClients, a.bind} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.close())
		}
	}
	return a, nil
}

// openData locks the folder and loads what earlier runs left.
func (a *Agent) openData(ctx context.Context) error {
	err := localdb.CheckFolder(a.o.Data)
	if err != nil {
		return err
	}
	if a.lock, err = datadir.Lock(a.o.Data); err != nil {
		return err
	}
	if a.state, err = localdb.OpenState(a.o.Data, localdb.StateOptions{Env: a.o.Env, Origin: a.o.FQDN, JournalLimit: a.o.JournalLimit}); err != nil {
		return err
	}
	var findings []localdb.Finding
	if a.snapshots, findings, err = localdb.OpenSnapshots(a.o.Data, a.o.Env); err != nil {
		return err
	}
	for _, f := range findings {
		a.log.raise(f.Event, f.File+": "+f.Reason, logrus.Fields{"file": f.File})
	}
	saved, err := a.state.Load(ctx)
	if err != nil {
		return err
	}
	now := time.Now()
	a.core = newCore(a.o.FQDN, saved.Record, saved.Highest, now)
	if err := a.loadDesktops(ctx); err != nil {
		return err
	}
	a.front = newFront(now, a.o.Env.Now().Sub(saved.FrontActivity), !saved.FrontActivity.IsZero())
	a.journal = &journal{store: a.state, log: a.log, failed: a.disk.failed}
	if a.handback, err = a.newHandback(ctx); err != nil {
		return err
	}
	if a.peaks, err = a.newPeaks(ctx); err != nil {
		return err
	}
	a.lastSync.Store(&wire.SyncStatus{Outcome: "never"})
	if saved.Holds.Barred != nil {
		if v, _ := a.ownVersion(); v == saved.Holds.Barred.Version {
			saved.Holds.Barred = nil // a roll-back that a crash cut off
		}
	}
	a.holds.Store(&saved.Holds)
	a.deadline.Store(int64(a.settings().Deadline))
	a.startWith(saved.Connectors)
	return nil
}

// startWith uses the newest list of connectors known: one saved from a peer, or
// the file's; the snapshot's replaces it where that is newer.
func (a *Agent) startWith(saved wire.ConnectorList) {
	list := wire.ConnectorList{Connectors: a.o.Peers}
	if !saved.Version.IsZero() {
		list = saved
	}
	a.list.Store(&list)
	a.stance.Store(&stance{state: zone.Normal, starting: true, self: a.o.FQDN})
	a.view.Store(&operatorView{status: wire.Status{
		Site: a.o.Site, Zone: a.o.Zone, Connector: a.o.FQDN, Version: a.o.Version, Started: a.startedAt,
		State: zone.Normal, Starting: true, Reason: "the connector has not begun yet", Sync: *a.lastSync.Load(), Missing: []string{},
	}})
}

// makeClients makes everything that talks to others.
func (a *Agent) makeClients(context.Context) error {
	err := a.reachBroker()
	if err != nil {
		return err
	}
	if a.o.Source != nil {
		a.published = a.newPublished()
	}
	a.callbacks = &http.Client{Transport: a.o.Env.Transport(a.o.TLS.Callbacks)}
	a.calls = a.newInvitationClient()
	a.mesh, err = peer.New(peer.Options{
		Env: a.o.Env, Self: a.o.FQDN, Site: a.o.Site, Zone: a.o.Zone, Protocol: a.o.Protocol, TLS: a.o.TLS.PeerClient,
		Deadline: func() time.Duration { return time.Duration(a.deadline.Load()) }, OnChange: a.wake, OnDue: a.due,
	})
	if err != nil {
		return err
	}
	a.mirror = a.newMirror()
	a.inviter, a.directory, a.probing = a.newInviter(), a.newDirectory(), a.chores.add()
	a.relay, err = relay.New(a.relayOptions())
	return err
}

// reachBroker makes the client of who brokers in Normal.
func (a *Agent) reachBroker() error {
	if a.o.Upstream != nil {
		a.room = a.newRoom()
		a.beside = &beside{Upstream: a.o.Upstream, room: a.room}
		return nil
	}
	var err error
	a.cloud, err = cloud.New(cloud.Options{
		Env: a.o.Env, URL: a.o.Cloud.URL, Site: a.o.Site, Connector: a.o.FQDN, Zone: a.o.Zone,
		Token: a.o.Cloud.Token, TLS: a.o.Cloud.TLS, Timeout: a.o.Cloud.Timeout,
	})
	return err
}

func (a *Agent) relayOptions() relay.Options {
	o := relay.Options{
		Env: a.o.Env, Self: a.o.FQDN, Call: a.call, Term: func() uint64 { return a.stance.Load().term }, Authority: a.authority,
		Interval: func() time.Duration { return a.settings().HealthInterval.D() }, Timeout: a.relayTimeout,
		Healthy:   func() (site.FQDN, string) { s := a.stance.Load(); return s.healthy, s.healthyURL },
		OnTrouble: a.onTrouble, OnStream: a.onStream, OnCheck: a.onCheck, OnRoute: a.onRoute, OnAnswer: a.onRelayed,
	}
	if a.beside != nil {
		o.Cloud, o.NoStream = a.beside, true
		return o
	}
	o.Cloud = a.cloud
	if a.o.PeerRelay {
		o.Peers, o.Through, o.Pass = a.relayingPeers, a.throughPeer, a.cloud.Pass
	}
	return o
}

func (a *Agent) relayTimeout() time.Duration {
	if a.stance.Load().state == zone.PendingHA {
		return relayPending
	}
	return relayNormal
}

// onTrouble tells of each kind of trouble once, until a health check succeeds
// again: in an outage every request is trouble.
func (a *Agent) onTrouble(kind relay.Kind, reason string) {
	if _, told := a.troubles.LoadOrStore(kind, true); !told {
		name := events.RelayTrouble
		if kind == relay.HealthCheck {
			name = events.CloudTrouble
		}
		a.log.raise(name, reason, logrus.Fields{"kind": string(kind)})
	}
	a.wake()
}

func (a *Agent) onCheck() {
	if a.relay.Health().Healthy {
		a.troubles.Clear()
	}
	a.wake()
}

func (a *Agent) onStream(up bool, reason string) {
	name := events.CallStreamDown
	if up {
		name = events.CallStreamUp
	}
	a.log.raise(name, reason, logrus.Fields{})
	a.wake()
}

// sawTerm hears of the terms that desktops name.
func (a *Agent) sawTerm(term uint64) {
	for {
		was := a.seenTerm.Load()
		if known := max(was, a.stance.Load().term); term <= known || term-known > broker.TermLeap {
			return
		}
		if a.seenTerm.CompareAndSwap(was, term) {
			a.wake()
			return
		}
	}
}
