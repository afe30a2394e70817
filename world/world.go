// Package world runs a whole site in one process: a cloud broker, the connectors
// of a zone, their desktops and a StoreFront, on loopback addresses, each behind a
// link of its own that can be cut. The demo plays its story in it, and tests use
// it; nothing here decides for the product.
package world

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/agent"
	"understudy/cloud"
	"understudy/cloud/server"
	"understudy/desktop"
	"understudy/env"
	"understudy/site"
	"understudy/storefront/client"
)

// Options say which site runs and where it keeps its data.
type Options struct {
	Env  env.Env
	Dir  string
	Site *site.Site
	// Zone is the one whose connectors and desktops run.
	Zone string
	// Logger makes the logger of a process; it is named.
	Logger       func(name string) *logrus.Logger
	SyncInterval time.Duration
	Version      string
}

func (o Options) validate() error {
	switch {
	case o.Dir == "":
		return errors.New("world: Dir is missing")
	case o.Site == nil:
		return errors.New("world: Site is missing")
	case o.Logger == nil:
		return errors.New("world: Logger is missing")
	}
	return o.Env.Validate()
}

// World is the running site.
type World struct {
	o       Options
	token   string
	address string // of the cloud broker
	store   *client.Client

	mu         sync.Mutex // guards what follows
	cloud      *process
	server     *server.Server
	desktops   *process
	stores     *process
	connectors map[site.FQDN]*process
	agents     map[site.FQDN]*agent.Agent
}

// process is one part of the world that runs.
type process struct {
	name string
	link *link
	stop context.CancelFunc
	done chan struct{}
	err  error
}

// New makes a world in which nothing runs yet.
func New(ctx context.Context, o Options) (*World, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if faults := o.Site.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("world: the site is not valid: %s", faults[0])
	}
	ports, err := freePorts(ctx, o.Env, 1)
	if err != nil {
		return nil, err
	}
	w := &World{
		o: o, token: env.Token(o.Env.Rand("tokens")), address: ports[0],
		connectors: map[site.FQDN]*process{}, agents: map[site.FQDN]*agent.Agent{},
	}
	var urls []string
	for _, c := range w.Connectors() {
		urls = append(urls, c.ClientURL)
	}
	w.store, err = client.New(client.Options{
		Env: o.Env, Connectors: urls, Interval: time.Second, ConnectTimeout: 2 * time.Second, AnswerTimeout: 12 * time.Second,
	})
	return w, err
}

// Connectors are those of the zone, in order of name.
func (w *World) Connectors() []site.Connector {
	return site.NewIndex(w.o.Site).Connectors(w.o.Zone)
}

// Store is the zone's StoreFront.
func (w *World) Store() *client.Client { return w.store }

// CloudURL is where the cloud broker listens.
func (w *World) CloudURL() string { return "http://" + w.address }

// Dir is the data folder of one process.
func (w *World) Dir(name string) string { return filepath.Join(w.o.Dir, name) }

// Start runs everything, with the site published.
func (w *World) Start(ctx context.Context) error {
	if err := w.StartCloud(ctx); err != nil {
		return err
	}
	if _, err := w.Publish(ctx, func(*site.Site) {}); err != nil {
		return err
	}
	for _, c := range w.Connectors() {
		if err := w.StartConnector(ctx, c.FQDN); err != nil {
			return err
		}
	}
	if err := w.startDesktops(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stores = w.run(ctx, "storefront", newLink(), w.store.Run)
	return nil
}

// StartCloud starts the cloud broker, with the store that it had.
func (w *World) StartCloud(ctx context.Context) error {
	l := newLink()
	s, err := server.New(server.Options{
		Env: l.over(w.o.Env), Data: w.Dir("cloud"), Site: w.o.Site.Name, Listen: w.address, Insecure: true, Logger: w.o.Logger("cloud"),
		Tokens: []server.Token{
			{Name: "connectors", Role: server.Connector, Secret: w.token}, {Name: "admin", Role: server.Admin, Secret: w.token + "-admin"},
		},
	})
	if err != nil {
		return fmt.Errorf("start the cloud broker: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server = s
	w.cloud = w.run(ctx, "cloud", l, s.Run)
	return nil
}

// CloudRegistrations counts the desktops that are registered with the cloud
// broker; it fails while that is not running.
func (w *World) CloudRegistrations() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cloud == nil {
		return 0, errors.New("the cloud broker is not running")
	}
	return w.server.Stats().Registrations, nil
}

// Publish gives the cloud broker the site with a change, as an administrator does.
func (w *World) Publish(ctx context.Context, change func(*site.Site)) (site.Version, error) {
	c, err := cloud.New(cloud.Options{Env: w.o.Env, URL: w.CloudURL(), Site: w.o.Site.Name, Token: w.token + "-admin"})
	if err != nil {
		return site.Version{}, err
	}
	defer c.Close()
	changed := *w.o.Site
	change(&changed)
	published, err := c.PutSite(ctx, &changed, site.Version{})
	if err != nil {
		return site.Version{}, fmt.Errorf("publish the site: %w", err)
	}
	return published.Version, nil
}

// StartConnector starts a connector, with the folder that it had.
func (w *World) StartConnector(ctx context.Context, name site.FQDN) error {
	c, ok := site.NewIndex(w.o.Site).Connector(name)
	if !ok {
		return fmt.Errorf("start %s: the site does not name it", name)
	}
	l := newLink()
	a, err := agent.New(ctx, agent.Options{
		Env: l.over(w.o.Env), Version: w.o.Version, Site: w.o.Site.Name, FQDN: name, Zone: w.o.Zone, Data: w.Dir(string(name)),
		Cloud:    agent.Cloud{URL: w.CloudURL(), Token: w.token},
		Listen:   agent.Listen{Client: host(c.ClientURL), Peer: host(c.PeerURL), Admin: "unix:" + w.Admin(name)},
		Insecure: true, SyncInterval: w.o.SyncInterval, Peers: w.Connectors(), Logger: w.o.Logger(string(name)),
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agents[name] = a
	w.connectors[name] = w.run(ctx, string(name), l, a.Run)
	return nil
}

// Admin is the Unix socket of a connector's admin API.
func (w *World) Admin(name site.FQDN) string { return filepath.Join(w.Dir(string(name)), "admin.sock") }

// Agent is a connector that was started.
func (w *World) Agent(name site.FQDN) *agent.Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agents[name]
}

func (w *World) startDesktops(ctx context.Context) error {
	var machines []desktop.Machine
	index := site.NewIndex(w.o.Site)
	for _, m := range w.o.Site.Machines {
		if full, _ := index.Machine(m.Name); m.Zone == w.o.Zone {
			machines = append(machines, desktop.Machine{Name: m.Name, Capacity: full.Capacity})
		}
	}
	var urls []string
	for _, c := range w.Connectors() {
		urls = append(urls, c.ClientURL)
	}
	l := newLink()
	d, err := desktop.New(desktop.Options{
		Env: l.over(w.o.Env), Machines: machines, Zone: w.o.Zone, Data: w.Dir("desktops"), Connectors: [][]string{urls},
		Listen: "127.0.0.1:0", Simulate: true, Connect: 200 * time.Millisecond, Version: w.o.Version, Logger: w.o.Logger("desktops"),
	})
	if err != nil {
		return fmt.Errorf("start the desktops: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.desktops = w.run(ctx, "desktops", l, d.Run)
	return nil
}

// run starts a process; ctx ends it too.
func (w *World) run(ctx context.Context, name string, l *link, f func(context.Context) error) *process {
	ctx, stop := context.WithCancel(ctx)
	p := &process{name: name, link: l, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = f(ctx)
	}()
	return p
}

// kill is sudden: the network first, so that nothing can be said any more.
func (p *process) kill() {
	p.link.sever()
	p.stop()
	<-p.done
}

// KillCloud cuts the cloud broker off.
func (w *World) KillCloud() {
	w.mu.Lock()
	p := w.cloud
	w.cloud = nil
	w.mu.Unlock()
	p.kill()
}

// KillConnector ends a connector as kill -9 would.
func (w *World) KillConnector(name site.FQDN) {
	w.mu.Lock()
	p := w.connectors[name]
	delete(w.connectors, name)
	w.mu.Unlock()
	p.kill()
}

// Block makes addresses unreachable for a connector, until Heal.
func (w *World) Block(name site.FQDN, addresses ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connectors[name].link.block(addresses...)
}

// BlockCloud takes the cloud broker from a connector.
func (w *World) BlockCloud(name site.FQDN) { w.Block(name, w.address) }

// Part breaks the network between two connectors, both ways.
func (w *World) Part(a, b site.Connector) {
	w.Block(a.FQDN, host(b.PeerURL))
	w.Block(b.FQDN, host(a.PeerURL))
}

// Heal lets a connector reach everything again.
func (w *World) Heal(name site.FQDN) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.connectors[name].link.unblock()
}

// Close stops everything in an orderly way and waits for it.
func (w *World) Close() error {
	w.mu.Lock()
	all := []*process{w.stores, w.desktops}
	for _, c := range w.connectors {
		all = append(all, c)
	}
	all = append(all, w.cloud)
	w.mu.Unlock()
	var errs []error
	for _, p := range all {
		if p == nil {
			continue
		}
		p.stop()
		<-p.done
		if p.err != nil && !errors.Is(p.err, context.Canceled) {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	return errors.Join(errs...)
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
