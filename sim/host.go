package sim

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"understudy/env"
)

// host is a machine in the network; processes live on it one after the other.
type host struct {
	name  string
	ip    netip.Addr
	lives int
	ports uint16
	jump  time.Duration // of the wall clock
	life  *life
}

// addHost puts a machine into the network.
func (n *network) addHost(name, ip string) *host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := &host{name: name, ip: netip.MustParseAddr(ip)}
	n.addresses[ip] = name
	return h
}

// life is one process from its start to its end: a place for package world.
type life struct {
	net  *network
	host *host
	boot int

	looped atomic.Int64 // the instant of its loop's latest turn

	// The network's lock guards what follows.
	dead    bool
	paused  bool
	woken   chan struct{} // closed when the pause, or the life, ends
	streams map[string]*stream
}

// begin is the next life of a host.
func (n *network) begin(h *host) *life {
	n.mu.Lock()
	defer n.mu.Unlock()
	h.lives++
	l := &life{net: n, host: h, boot: h.lives, streams: map[string]*stream{}}
	h.life = l
	return l
}

// Env is the world as the process sees it.
func (l *life) Env() env.Env {
	return env.Env{
		Dial: l.dial, Listen: l.listen, Rand: l.rand,
		Now: func() time.Time { return time.Now().Add(l.jump()).Round(0) },
		Gate: func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			wait := turn()
			if err := l.awake(ctx); err != nil || wait == 0 || wait == loopTurn && l.hasTurn() {
				return err
			}
			if err := env.Sleep(ctx, wait); err != nil || wait != loopTurn {
				return err
			}
			l.looped.Store(now())
			return nil
		},
	}
}

// The turns of an instant, in nanoseconds: the loop's rounds are all of one.
const (
	loopTurn      = 1
	directoryTurn = 30
	mirrorTurn    = 60
	lastTurn      = 100
)

// turns are whose they are.
var turns = map[string]time.Duration{
	"understudy/agent.(*Agent).loop":        loopTurn,
	"understudy/agent.(*directory).run":     directoryTurn,
	"understudy/agent.(*mirror).run":        mirrorTurn,
	"understudy/agent.(*Agent).run":         lastTurn,
	"understudy/peer.(*Publication).Answer": lastTurn,
}

// turn is how long what the caller of a process's gate is about to do waits for all else
// of this instant, so that nothing depends on the scheduler.
//   - Several heartbeats of one instant may ask for a round of the loop: whether they get
//     one or two, and what those say of the others, must not be an accident.
//   - A launch changes the engine, is written to a real disk and changes the engine
//     again in no time here: how much of that goes into one answer to a peer must not
//     depend on how fast the disk is.
//   - A peer with a newer snapshot often has a newer list of connectors too, and knows more
//     desktops, or is elected: which of the requests gets the connection that is idle, and
//     which one has to dial, must not be an accident.
func turn() time.Duration {
	var caller [1]uintptr
	runtime.Callers(3, caller[:])
	f, _ := runtime.CallersFrames(caller[:]).Next()
	return turns[f.Function]
}

// hasTurn reports whether its loop may act at once: in its turn already, or for the first
// time, before which the process does not say what it knows.
func (l *life) hasTurn() bool { return l.looped.CompareAndSwap(0, now()) || l.looped.Load() == now() }

func (l *life) jump() time.Duration {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	return l.host.jump
}

// awake holds the caller while the process is paused, and for good what has crashed
// does nothing. Who was held is not let go all at once.
func (l *life) awake(ctx context.Context) error {
	since := now()
	for {
		l.net.mu.Lock()
		if l.dead || !l.paused {
			dead := l.dead
			l.net.mu.Unlock()
			if dead {
				return errDead
			}
			return nil
		}
		woken := l.woken
		l.net.mu.Unlock()
		var callers [4]uintptr
		runtime.Callers(3, callers[:])
		if err := waitFor(ctx, woken); err != nil {
			return err
		}
		if err := env.Sleep(ctx, stagger(callers, since)); err != nil {
			return err
		}
	}
}

// stagger is how long after a wake one goes on that was held there in the program
// since then: each has a moment of its own, in every build.
func stagger(callers [4]uintptr, since int64) time.Duration {
	h := hash(uint64(since))
	frames := runtime.CallersFrames(callers[:])
	for {
		f, more := frames.Next()
		h = hash(h, hashText(f.Function), uint64(f.Line))
		if !more {
			return time.Duration(1 + h%uint64(time.Millisecond))
		}
	}
}

// alive reports whether the process has not crashed.
func (l *life) alive() bool {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	return !l.dead
}

// pause stops the process.
func (l *life) pause() {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.dead || l.paused {
		return
	}
	l.paused, l.woken = true, make(chan struct{})
	for _, e := range l.net.ends {
		if e.owner == l {
			e.arm()
		}
	}
}

// wake lets it go on: what has arrived meanwhile is read, and what it wrote is sent.
func (l *life) wake() {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if !l.paused {
		return
	}
	l.paused = false
	close(l.woken)
	t := now()
	for _, e := range l.net.ends {
		if e.owner == l {
			e.notBefore = e.turn(t)
			e.arm()
		}
	}
	l.net.resend()
	l.net.tell()
}

// Sever is a crash: connections are reset, and nothing is written any more.
func (l *life) Sever() {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	if l.dead {
		return
	}
	for _, e := range l.net.ends {
		if e.owner == l && !e.closed && e.broken == nil {
			paused := l.paused
			l.paused = false // its host resets the connections
			e.send(segment{reset: true})
			l.paused = paused
		}
	}
	l.dead = true
	for _, e := range l.net.ends {
		if e.owner == l {
			e.snap(syscall.ECONNRESET)
		}
	}
	for _, k := range l.net.listeners {
		if k.life == l {
			k.close()
		}
	}
	if l.paused {
		l.paused = false
		close(l.woken)
	}
	l.net.tell()
}

// rand is a named source of randomness. What it gives depends on the time and not
// on what others have drawn.
func (l *life) rand(name string) io.Reader {
	l.net.mu.Lock()
	defer l.net.mu.Unlock()
	s := l.streams[name]
	if s == nil {
		s = &stream{key: hash(l.net.seed, hashText(l.host.name), uint64(l.boot), hashText(name))}
		l.streams[name] = s
	}
	return s
}

type stream struct {
	key uint64

	mu    sync.Mutex // guards what follows
	at    int64
	count uint64
}

// Read never fails.
func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := now(); t != s.at {
		s.at, s.count = t, 0
	}
	var word [8]byte
	for i := 0; i < len(p); i += len(word) {
		s.count++
		binary.BigEndian.PutUint64(word[:], hash(s.key, uint64(s.at), s.count))
		copy(p[i:], word[:])
	}
	return len(p), nil
}

// String names the process.
func (l *life) String() string { return fmt.Sprintf("%s (life %d)", l.host.name, l.boot) }
