//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
)

// importUsers makes an import take some tens of milliseconds.
const importUsers = 3000

// TestKilledInImports: LHC-02, RAS-02: kill -9 at any moment of an import leaves a
// whole snapshot that was published, and a state database that has lost nothing.
func TestKilledInImports(t *testing.T) {
	t.Parallel()
	total, _ := kills(t, 100)
	c := castOf(t, 3, "cc01", "cc02", "cc03")
	e := newEditions(t, c, importUsers)
	c.startCloud()
	e.next(t)
	stop := e.keepChanging(t)
	var victims []*victim
	t.Run("kills", func(t *testing.T) {
		for i, one := range c.players {
			v := &victim{player: one, cast: c, editions: e, rand: rand.New(rand.NewPCG(uint64(i), 7))}
			victims = append(victims, v)
			t.Run(one.name, func(t *testing.T) {
				t.Parallel()
				v.t, one.t = t, t
				for range total / len(c.players) {
					v.kill()
				}
			})
		}
	})
	stop()
	amid := 0
	for _, v := range victims {
		v.t, v.player.t = t, t
		v.settles()
		t.Logf("%s: %d kills, %d of them in an import, %d versions seen", v.name, v.kills, v.amid, v.versions)
		amid += v.amid
	}
	if amid < total/10 {
		t.Errorf("%d kills amid an import are too few to tell anything", amid)
	}
}

// keepChanging publishes edition after edition until the result is called.
func (e *editions) keepChanging(t testing.TB) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if _, err := e.publish(context.WithoutCancel(ctx)); err != nil {
				t.Errorf("publish: %v", err)
			}
			pause(ctx, 100*time.Millisecond)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	t.Cleanup(stop)
	return stop
}

// pause lets the time pass, for a moment that is not to be one of the product's.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// victim is a connector that is killed again and again.
type victim struct {
	*player

	t        *testing.T
	cast     *cast
	editions *editions
	rand     *rand.Rand
	last     kept
	kills    int
	amid     int // kills that left an unfinished import
	versions int
}

// kill starts the connector, kills it at some moment, and looks at what it left.
func (v *victim) kill() {
	v.t.Helper()
	v.start()
	if v.rand.IntN(2) == 0 {
		v.runs()
		v.imports()
		pause(v.t.Context(), time.Duration(v.rand.IntN(30))*time.Millisecond)
	} else {
		pause(v.t.Context(), time.Duration(v.rand.IntN(150))*time.Millisecond)
	}
	v.process.Kill()
	v.kills++
	if v.building() {
		v.amid++
	}
	v.look()
}

func (v *victim) start() {
	v.t.Helper()
	v.cast.write(v.name+".yaml", v.cast.connectorFile(v.player))
	v.process = start(v.t, command{Name: v.name, Args: []string{"connector", "--config", v.name + ".yaml"}, Dir: v.cast.dir})
}

// runs waits until the connector is up, with the snapshot that it had or a newer
// one.
func (v *victim) runs() {
	v.t.Helper()
	eventually(v.t, act, v.name+" is up with its snapshot", func() error {
		s, err := v.Status()
		if err != nil {
			return err
		}
		return v.serves(s)
	})
}

// imports waits until an import has begun, closely.
func (v *victim) imports() {
	ticks := time.NewTicker(time.Millisecond)
	defer ticks.Stop()
	for over := time.After(3 * time.Second); !v.building(); {
		select {
		case <-over:
			return
		case <-ticks.C:
		}
	}
}

func (v *victim) building() bool {
	found, _ := filepath.Glob(filepath.Join(v.data, "building-*.db"))
	return len(found) > 0
}

func (v *victim) serves(s wire.Status) error {
	switch {
	case s.Snapshot == nil && v.last.Version.IsZero():
		return nil
	case s.Snapshot == nil || s.Snapshot.Version.Compare(v.last.Version) < 0:
		return fmt.Errorf("it uses %+v, and had version %s", s.Snapshot, v.last.Version)
	}
	return nil
}

// look holds the folder to what it held the last time.
func (v *victim) look() {
	v.t.Helper()
	k, err := readKept(v.t.Context(), v.data)
	if err := errors.Join(err, k.since(v.last), v.knownSoon(k)); err != nil {
		v.t.Fatalf("after kill %d: %v", v.kills, err)
	}
	if k.Version != v.last.Version {
		v.versions++
	}
	v.last = k
}

// knownSoon is editions.knows for a version whose publication may not have been
// answered yet.
func (v *victim) knownSoon(k kept) error {
	return await(act, func() error { return v.editions.knows(k) })
}

// settles starts the connector once more and leaves it in peace: it has the newest
// version and no litter.
func (v *victim) settles() {
	v.t.Helper()
	v.start()
	v.Shows(act, "the newest version", func(s wire.Status) error {
		if s.Snapshot == nil || s.Snapshot.Version != v.editions.newest() {
			return fmt.Errorf("snapshot %+v, want version %s; sync %+v", s.Snapshot, v.editions.newest(), s.Sync)
		}
		return nil
	})
	eventually(v.t, act, v.name+" has no litter", func() error {
		if found := litter(v.t, v.data); len(found) > 0 {
			return fmt.Errorf("it has %v", found)
		}
		return nil
	})
	v.process.Kill()
	v.look()
}

// newest is the version that was published last.
func (e *editions) newest() (v site.Version) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for one := range e.published {
		if one.Compare(v) > 0 {
			v = one
		}
	}
	return v
}
