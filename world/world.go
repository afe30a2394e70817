// Package world runs a whole site in one process: a cloud broker, the connectors
// of its zones, their desktops and StoreFronts, each at a place of its own that can
// be cut off: behind a link on loopback addresses, or in a simulated network. The
// demo plays its story in it, tests use it, and sim runs it under simulation;
// nothing here decides for the product.
package world

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/agent"
	"understudy/cloud"
	"understudy/cloud/server"
	"understudy/desktop"
	"understudy/env"
	"understudy/hooks"
	"understudy/site"
	"understudy/storefront"
	"understudy/storefront/client"
)

// The names of processes that the site does not name.
const (
	// Cloud is the cloud broker.
	Cloud = "cloud"
	// Desktops is the process of all desktops of a world in which they share one.
	Desktops = "desktops"
)

// StoreName is the process of a zone's StoreFront.
func StoreName(zone string) string { return "storefront-" + zone }

// Options say which site runs and where it keeps its data.
type Options struct {
	// Env is the administrator's, and everybody's behind links where Place is nil.
	Env  env.Env
	Dir  string
	Site *site.Site
	// Zone is the one whose connectors and desktops run; empty means all.
	Zone string
	// Logger makes the logger of a process; it is named.
	Logger       func(name string) *logrus.Logger
	SyncInterval time.Duration
	Version      string
	// Protocol, if set, is the version of the peer channel that a connector speaks from its
	// next start on; empty means the present one.
	Protocol func(name site.FQDN) string

	// Place is asked for a new place at each start of a process; nil means loopback.
	Place func(name string) Place
	// CloudAddress is where the cloud broker listens; empty means a free port.
	CloudAddress string
	// Desktop, if set, makes each desktop a process of its own and gives its
	// address and its provider.
	Desktop func(name site.FQDN) (address string, provider desktop.Provider)
	// AdminPort lets the admin API listen there at the connector's client address
	// instead of on a Unix socket.
	AdminPort string
	// Misbehave, if set, stands between the cloud broker and who asks it.
	Misbehave func(http.Handler) http.Handler
	// Commands, if set, are those that a connector runs when it is elected or deposed.
	Commands func(name site.FQDN) hooks.CommandOptions
	// NoPeerRelay leaves connectors without the help of their peers.
	NoPeerRelay bool
	// NoSync leaves out the fsyncs of desktops.
	NoSync bool
	// XML is of the XML Service and of the STA, of every broker.
	XML storefront.XML
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
	index   *site.Index
	token   string
	address string // of the cloud broker
	stores  map[string]*store

	mu        sync.Mutex // guards what follows
	processes map[string]*process
	lives     map[string]int // how often a process has crashed
	ended     []*process     // crashed, and perhaps not gone yet
	server    *server.Server
	agents    map[site.FQDN]*agent.Agent
	desktops  map[string]*desktop.Agent
}

// store is the StoreFront of a zone.
type store struct {
	place  Place
	client *client.Client
}

// New makes a world in which nothing runs yet.
func New(ctx context.Context, o Options) (*World, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if faults := o.Site.Validate(); len(faults) > 0 {
		return nil, fmt.Errorf("world: the site is not valid: %s", faults[0])
	}
	if o.Place == nil {
		o.Place = func(string) Place { return newLoopback(o.Env) }
	}
	if o.CloudAddress == "" {
		ports, err := freePorts(ctx, o.Env, 1)
		if err != nil {
			return nil, err
		}
		o.CloudAddress = ports[0]
	}
	w := &World{
		o: o, index: site.NewIndex(o.Site), token: env.Token(o.Env.Rand("tokens")), address: o.CloudAddress, stores: map[string]*store{},
		processes: map[string]*process{}, lives: map[string]int{}, agents: map[site.FQDN]*agent.Agent{}, desktops: map[string]*desktop.Agent{},
	}
	return w, w.makeStores()
}

func (w *World) makeStores() error {
	for _, zone := range w.Zones() {
		place := w.o.Place(StoreName(zone))
		c, err := client.New(client.Options{
			Env: place.Env(), Connectors: w.urls(zone), Interval: time.Second, ConnectTimeout: 2 * time.Second, AnswerTimeout: 12 * time.Second,
		})
		if err != nil {
			return err
		}
		w.stores[zone] = &store{place, c}
	}
	return nil
}

// urls are the client URLs of all connectors, those of the zone first.
func (w *World) urls(zone string) []string {
	var own, other []string
	for _, c := range w.Connectors() {
		if c.Zone == zone {
			own = append(own, c.ClientURL)
		} else {
			other = append(other, c.ClientURL)
		}
	}
	return append(own, other...)
}

// Zones are those that run, in the order of the site.
func (w *World) Zones() []string {
	if w.o.Zone != "" {
		return []string{w.o.Zone}
	}
	var names []string
	for _, z := range w.o.Site.Zones {
		names = append(names, z.Name)
	}
	return names
}

// Connectors are those of the zones, in order of name within each.
func (w *World) Connectors() []site.Connector {
	var all []site.Connector
	for _, zone := range w.Zones() {
		all = append(all, w.index.Connectors(zone)...)
	}
	return all
}

func (w *World) isConnector(name string) bool {
	return slices.ContainsFunc(w.Connectors(), func(c site.Connector) bool { return string(c.FQDN) == name })
}

func (w *World) isStore(name string) bool {
	return slices.ContainsFunc(w.Zones(), func(zone string) bool { return StoreName(zone) == name })
}

// Store is the StoreFront of the first zone.
func (w *World) Store() *client.Client { return w.StoreOf(w.Zones()[0]) }

// StoreOf is the StoreFront of a zone.
func (w *World) StoreOf(zone string) *client.Client { return w.stores[zone].client }

// CloudURL is where the cloud broker listens.
func (w *World) CloudURL() string { return "http://" + w.address }

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
	for _, name := range w.DesktopProcesses() {
		if err := w.StartDesktop(ctx, name); err != nil {
			return err
		}
	}
	w.StartStores(ctx)
	return nil
}

// StartStores lets the StoreFronts send heartbeats.
func (w *World) StartStores(ctx context.Context) {
	for _, zone := range w.Zones() {
		w.run(ctx, StoreName(zone), w.stores[zone].place, w.stores[zone].client.Run)
	}
}

// StartCloud starts the cloud broker, with the store that it had.
func (w *World) StartCloud(ctx context.Context) error {
	place := w.o.Place(Cloud)
	s, err := server.New(server.Options{
		Env: place.Env(), Data: w.Dir(Cloud), Site: w.o.Site.Name, Listen: w.address, Insecure: true, Logger: w.o.Logger(Cloud),
		Misbehave: w.o.Misbehave, XML: w.o.XML,
		Tokens: env.Always([]server.Token{
			server.NewToken("connectors", server.Connector, w.token), server.NewToken("admin", server.Admin, w.token+"-admin"),
		}),
	})
	if err != nil {
		return fmt.Errorf("start the cloud broker: %w", err)
	}
	w.mu.Lock()
	w.server = s
	w.mu.Unlock()
	w.run(ctx, Cloud, place, s.Run)
	return nil
}

// CloudRegistrations counts the desktops that are registered with the cloud
// broker; it fails while that is not running.
func (w *World) CloudRegistrations() (int, error) {
	if !w.Runs(Cloud) {
		return 0, errors.New("the cloud broker is not running")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server.Stats().Registrations, nil
}

// Server is the cloud broker that was started last.
func (w *World) Server() *server.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server
}

// Publish gives the cloud broker the site with a change, as an administrator does.
func (w *World) Publish(ctx context.Context, change func(*site.Site)) (site.Version, error) {
	c, err := cloud.New(cloud.Options{Env: w.o.Env, URL: w.CloudURL(), Site: w.o.Site.Name, Token: env.Always(w.token + "-admin")})
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
	c, ok := w.index.Connector(name)
	if !ok {
		return fmt.Errorf("start %s: the site does not name it", name)
	}
	place := w.o.Place(string(name))
	var commands hooks.CommandOptions
	if w.o.Commands != nil {
		commands = w.o.Commands(name)
	}
	protocol := ""
	if w.o.Protocol != nil {
		protocol = w.o.Protocol(name)
	}
	a, err := agent.New(ctx, agent.Options{
		Env: place.Env(), Version: w.o.Version, Protocol: protocol, Site: w.o.Site.Name, FQDN: name, Zone: c.Zone, Data: w.Dir(string(name)),
		Cloud:    agent.Cloud{URL: w.CloudURL(), Token: env.Always(w.token)},
		Listen:   agent.Listen{Client: host(c.ClientURL), Peer: host(c.PeerURL), Admin: w.adminListen(c)},
		Insecure: true, PeerRelay: !w.o.NoPeerRelay, XML: w.o.XML, SyncInterval: w.o.SyncInterval, Peers: w.index.Connectors(c.Zone), Logger: w.o.Logger(string(name)), Commands: commands,
	})
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	w.mu.Lock()
	w.agents[name] = a
	w.mu.Unlock()
	w.run(ctx, string(name), place, a.Run)
	return nil
}

func (w *World) adminListen(c site.Connector) string {
	if w.o.AdminPort == "" {
		return "unix:" + w.Admin(c.FQDN)
	}
	name, _, _ := strings.Cut(host(c.ClientURL), ":")
	return name + ":" + w.o.AdminPort
}

// Admin is the Unix socket of a connector's admin API.
func (w *World) Admin(name site.FQDN) string { return filepath.Join(w.Dir(string(name)), "admin.sock") }

// Agent is a connector that was started.
func (w *World) Agent(name site.FQDN) *agent.Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.agents[name]
}

// KillCloud cuts the cloud broker off.
func (w *World) KillCloud() { w.kill(Cloud) }

// KillConnector ends a connector as kill -9 would.
func (w *World) KillConnector(name site.FQDN) { w.kill(string(name)) }

// Block makes addresses unreachable for a connector on loopback, until Heal.
func (w *World) Block(name site.FQDN, addresses ...string) {
	if l, ok := w.process(string(name)).place.(loopback); ok {
		l.block(addresses...)
	}
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
	if l, ok := w.process(string(name)).place.(loopback); ok {
		l.unblock()
	}
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}
