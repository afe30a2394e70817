package sim

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/desktop"
	"understudy/env"
	"understudy/site"
	"understudy/world"
)

// Play runs a plan in a bubble and tells what it showed.
func Play(t *testing.T, p Plan) Outcome {
	t.Helper()
	dir := dataDir(t)
	var out Outcome
	synctest.Test(t, func(t *testing.T) {
		r, err := newRun(t.Context(), p, dir)
		if err != nil {
			t.Fatal(err)
		}
		out = r.play()
	})
	return out
}

// memory is a folder that no disk is behind.
const memory = "/dev/shm"

// dataDir is in memory where that is possible: a run makes many things durable.
func dataDir(t *testing.T) string {
	t.Helper()
	if os.Getenv("TMPDIR") != "" {
		return t.TempDir() // who runs many processes cleans up after those that die
	}
	if _, err := os.Stat(memory); err != nil {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "understudy-sim-") //nolint:usetesting // t.TempDir is on a disk
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// watchEvery is the time between two looks at the whole site.
const watchEvery = 50 * time.Millisecond

// run is a plan under way. The driver's goroutine owns it; what takes time runs in
// goroutines of its own.
type run struct {
	ctx   context.Context
	stop  context.CancelFunc
	plan  Plan
	net   *network
	world *world.World
	trace *trace
	watch *watch
	cloud *misbehaviour
	hosts map[string]*host
	// news says that something was logged.
	news  chan struct{}
	tasks sync.WaitGroup

	agenda agenda
	site   *site.Site // as it was published last
	first  *site.Site
	boots  map[string]int
	quiet  time.Time // when something was last done to the site
	// ordered is when an operator or an administrator last wanted something.
	ordered time.Time
	// restored is when somebody last tried to publish the whole site.
	restored time.Time
	people   map[string]chan struct{} // closed when a user has done the latest thing

	mu       sync.Mutex // guards what follows
	served   int
	stopped  map[string]bool // processes that are down, or on their way
	stopping map[string]bool // those on their way
	gone     map[string]bool // those that do not come back
	clearing map[string]bool // zones
	majors   majors
}

func newRun(ctx context.Context, p Plan, dir string) (*run, error) {
	ctx, stop := context.WithCancel(ctx)
	r := &run{
		ctx: ctx, stop: stop, plan: p, net: newNetwork(p.Seed), hosts: map[string]*host{}, cloud: &misbehaviour{seed: p.Seed},
		news: make(chan struct{}, 1), site: makeSite(p.Shape), boots: map[string]int{}, people: map[string]chan struct{}{},
		stopped: map[string]bool{}, stopping: map[string]bool{}, gone: map[string]bool{}, clearing: map[string]bool{}, majors: newMajors(),
	}
	r.first = r.site
	r.trace = &trace{began: time.Now(), heard: r.heard}
	r.watch = newWatch(r)
	r.addHosts()
	var err error
	r.world, err = world.New(ctx, world.Options{
		Env: r.net.begin(r.hosts[adminName]).Env(), Dir: dir, Site: r.site, SyncInterval: syncInterval, Version: "sim",
		Logger: func(name string) *logrus.Logger {
			who := r.hostName(name)
			return r.trace.logger(who, r.hosts[who].life.alive)
		},
		Place:   func(name string) world.Place { return r.net.begin(r.hosts[r.hostName(name)]) },
		Desktop: r.desktop, CloudAddress: cloudIP + ":" + cloudPort, AdminPort: adminPort, Misbehave: r.cloud.wrap, NoSync: true, NoPeerRelay: p.Shape.NoPeerRelay, Protocol: r.speaks,
	})
	return r, err
}

const syncInterval = 10 * time.Second

func (r *run) addHosts() {
	add := func(name, ip string) { r.hosts[name] = r.net.addHost(name, ip) }
	add(cloudName, cloudIP)
	add(adminName, adminIP)
	for z := 1; z <= r.plan.Shape.Zones; z++ {
		add(storeName(zoneName(z)), storeIP(z))
		for i := 1; i <= r.plan.Shape.Connectors; i++ {
			add(string(connectorName(z, i)), connectorIP(z, i))
		}
		for i := 1; i <= r.plan.Shape.Desktops; i++ {
			add(string(desktopName(z, i)), desktopIP(z, i))
		}
	}
}

// hostName is where a process of the world runs.
func (r *run) hostName(process string) string {
	for z := 1; z <= r.plan.Shape.Zones; z++ {
		if process == world.StoreName(zoneName(z)) {
			return storeName(zoneName(z))
		}
	}
	if process == world.Cloud {
		return cloudName
	}
	return process
}

// processName is the other way round.
func processName(host string) string {
	if host == cloudName {
		return world.Cloud
	}
	return host
}

func (r *run) desktop(name site.FQDN) (string, desktop.Provider) {
	h := r.hosts[string(name)]
	return h.ip.String() + ":" + desktopPort, &rebooting{
		boot: fmt.Sprintf("boot-%d", r.boots[string(name)]),
		Simulated: &desktop.Simulated{
			Machine: name, Connect: connectAfter, Rand: &stream{key: hash(r.plan.Seed, hashText(string(name)), uint64(h.lives))},
		},
	}
}

// connectAfter is when a user's client has connected after a launch.
const connectAfter = 300 * time.Millisecond

// rebooting is a simulated desktop that knows its boot.
type rebooting struct {
	*desktop.Simulated
	boot string
}

// Watch tells the present boot first, a moment after the agent began to register.
func (b *rebooting) Watch(ctx context.Context, tell func(desktop.Event) error) error {
	if env.Sleep(ctx, 50*time.Microsecond) != nil {
		return nil
	}
	if err := tell(desktop.Event{Boot: b.boot}); err != nil {
		return err
	}
	return b.Simulated.Watch(ctx, tell)
}

// heard is told of every line of a process.
func (r *run) heard(who string, fields logrus.Fields) {
	r.watch.heard(who, fields)
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// play is the whole run.
func (r *run) play() Outcome {
	began := time.Now()
	if err := r.start(); err != nil {
		r.watch.broken(ruleStart, err.Error())
	} else {
		r.schedule()
		for _, part := range []func(){func() { r.drive(r.plan.Shape.Length) }, r.mend, r.settle, r.watch.finish} {
			if !r.over() {
				part()
			}
		}
	}
	simulated := time.Since(began)
	r.trace.close()
	r.end()
	return Outcome{Trace: r.trace.sorted(), Broken: r.watch.violations(), Simulated: simulated, Served: r.served}
}

// start lets the processes begin one after the other, never at one instant.
func (r *run) start() error {
	steps := []func() error{
		func() error { return r.world.StartCloud(r.ctx) },
		func() error { _, err := r.world.Publish(r.ctx, func(*site.Site) {}); return err },
	}
	for _, c := range r.world.Connectors() {
		steps = append(steps, func() error { return r.world.StartConnector(r.ctx, c.FQDN) })
	}
	for _, d := range r.world.DesktopProcesses() {
		steps = append(steps, func() error { return r.world.StartDesktop(r.ctx, d) })
	}
	steps = append(steps, func() error { r.world.StartStores(r.ctx); return nil })
	for i, step := range steps {
		if err := step(); err != nil {
			return err
		}
		if err := env.Sleep(r.ctx, r.odd("start", uint64(i), 20*time.Millisecond)); err != nil {
			return err
		}
	}
	return r.await("the site is up", time.Minute, func() string { return r.whyNotNormal() })
}

// odd is a time below the limit that nothing else has.
func (r *run) odd(about string, n uint64, limit time.Duration) time.Duration {
	return time.Duration(hash(r.plan.Seed, hashText(about), n)%uint64(limit)) | 1
}

// drive carries the agenda out and looks at the site, for so long.
func (r *run) drive(d time.Duration) {
	until := time.Now().Add(d)
	for time.Now().Before(until) && !r.over() {
		r.turn(until)
	}
}

// over reports whether a brief run has shown what it was to show.
func (r *run) over() bool { return r.plan.Brief && len(r.watch.violations()) > 0 }

// turn waits for what comes next: something to do, to look at, or an event.
func (r *run) turn(until time.Time) {
	next := until
	if look := r.watch.next; look.Before(next) {
		next = look
	}
	if at, ok := r.agenda.next(); ok && at.Before(next) {
		next = at
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.news:
	}
	synctest.Wait()
	r.watch.look()
	for {
		do, ok := r.agenda.due(time.Now())
		if !ok {
			return
		}
		do()
	}
}

// await drives until there is no reason any more to wait.
func (r *run) await(what string, patience time.Duration, why func() string) error {
	deadline := time.Now().Add(patience)
	for {
		synctest.Wait() // what happens at this moment has happened
		reason := why()
		if reason == "" {
			return nil
		}
		if r.over() {
			return nil
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("%s: not within %s: %s", what, patience, reason)
		}
		r.drive(min(500*time.Millisecond, time.Until(deadline)))
	}
}

// end stops everything.
func (r *run) end() {
	for _, name := range r.names() {
		if l := r.hosts[name].life; l != nil {
			l.Sever()
		}
	}
	r.stop()
	r.tasks.Wait()
	_ = r.world.Close()                                         // what was severed has nothing good to say
	_ = env.Sleep(context.WithoutCancel(r.ctx), 2*dialPatience) // net/http waits for nobody that dials
}
