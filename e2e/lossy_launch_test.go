//go:build linux

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"understudy/broker"
	"understudy/desktop"
	"understudy/wire"
)

// TestPowerFailureInLaunches: LHC-23, LHC-25: a launch that was answered is in the
// connector's journal and on the desktop's disk, after whatever step the power of
// either fails.
func TestPowerFailureInLaunches(t *testing.T) {
	t.Parallel()
	const desktops = 24
	disk, hosts := mountLossy(t, nil), mountLossy(t, nil)
	c := castOf(t, desktops, "cc01")
	c.players[0].data = filepath.Join(disk.folder, "data")
	c.hostData = filepath.Join(hosts.folder, "data")
	c.write("desktops.yaml", c.desktopsFile())
	e := newEditions(t, c, desktops)
	p, q := &promises{disk: disk}, &promises{disk: hosts}
	playLaunches(c, e, p, q)

	steps := disk.history()
	t.Logf("%d steps of the connector, %d of the desktops", len(steps), hosts.now())
	p.hold(t, c, steps, e.knows)
	q.holdDesktops(t, hosts.history())
}

// playLaunches lets all users launch at once in a forced outage, kills the connector
// amid that, and lets them launch again.
func playLaunches(c *cast, e *editions, p, q *promises) {
	c.t.Helper()
	one := c.players[0]
	c.startCloud()
	e.next(c.t)
	c.start()
	c.startHost()
	c.front = c.storefront()
	p.imported(one, e)
	one.Outage("force", "drill")
	for round := range 3 {
		c.holds(one)
		var users sync.WaitGroup
		for i := round * c.desktops / 3; i < (round+1)*c.desktops/3; i++ {
			users.Go(func() { launchOnce(c, fmt.Sprintf("user%05d", i), p, q) })
		}
		users.Wait()
		s, err := one.Status()
		must(c.t, err)
		p.add(func(k *kept) { k.Saved.Highest = max(k.Saved.Highest, s.Number, s.Term) })
		if round == 1 {
			c.kill()
			c.start()
		}
	}
	c.kill()
	c.host.Kill()
}

func launchOnce(c *cast, user string, all ...*promises) {
	answer, err := c.launch(user, "desktop:pool")
	if err != nil {
		c.t.Errorf("%s: %v", user, err)
		return
	}
	for _, p := range all {
		p.add(func(k *kept) { k.Journal = append(slices.Clip(k.Journal), launchOf(user, answer)) })
	}
}

// launchOf is the journal's record of an answered launch.
func launchOf(user string, answer wire.LaunchAnswer) broker.Record {
	return broker.Record{Kind: broker.Launched, Session: answer.Session, User: user, Machine: answer.Machine}
}

// holdDesktops lets the power of the desktop host fail after each of the steps.
func (p *promises) holdDesktops(t *testing.T, steps []diskStep) {
	t.Helper()
	looked := 0
	powerFailures(steps, 1, func(at int, files map[string][]byte) {
		looked++
		if err := heldBy(t, inside(files, "data/"), p.by(at).Journal); err != nil && !t.Failed() {
			t.Errorf("desktops, after step %d (%s): %v", at, told5(steps, at), err)
		}
	})
	t.Logf("%d power failures of the desktop host", looked)
}

// heldBy says which of the launches the desktops have forgotten.
func heldBy(t testing.TB, files map[string][]byte, launches []broker.Record) error {
	t.Helper()
	for _, l := range launches {
		file := string(l.Machine) + "/desktop.json"
		var doc struct{ State desktop.State }
		if err := json.Unmarshal(files[file], &doc); err != nil {
			return fmt.Errorf("%s has %q: %w", file, files[file], err)
		}
		if s := doc.State.Sessions; len(s) != 1 || s[0].ID != l.Session || s[0].User != l.User {
			return fmt.Errorf("%s holds %+v, want session %s of %s", file, s, l.Session, l.User)
		}
	}
	return nil
}

// TestPowerFailureOfTheCloudBroker: NEW-08: a version of the site that was answered
// is there, whole, and its number never goes back.
func TestPowerFailureOfTheCloudBroker(t *testing.T) {
	t.Parallel()
	disk := mountLossy(t, nil)
	c := castOf(t, 1, "cc01")
	c.write("cloud.yaml", c.cloudFile(filepath.Join(disk.folder, "data")))
	e, p := newEditions(t, c, 20), &promises{disk: disk}
	c.startCloud()
	for i := range 6 {
		v := e.next(t)
		p.add(func(k *kept) { k.Version = v })
		if i == 3 {
			c.cloud.Kill()
			c.startCloud()
		}
	}
	if code := c.cloud.Stop(act); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
	steps := disk.history()
	looked := 0
	powerFailures(steps, 0, func(at int, files map[string][]byte) {
		looked++
		if err := e.servedFrom(t, inside(files, "data/"), p.by(at)); err != nil && !t.Failed() {
			t.Errorf("after step %d of %d (%s): %v", at, len(steps), told5(steps, at), err)
		}
	})
	t.Logf("%d steps, %d power failures", len(steps), looked)
}

// servedFrom starts a cloud broker with the files and asks it for the site.
func (e *editions) servedFrom(t testing.TB, files map[string][]byte, promised kept) error {
	t.Helper()
	c := castOf(t, 1)
	restore(t, filepath.Join(c.dir, "cloud"), files)
	c.startCloud()
	defer c.cloud.Kill()
	operator := newEditions(t, c, 1).operator
	var k kept
	err := await(20*time.Second, func() error {
		p, err := operator.Site(t.Context())
		if problem, ok := errors.AsType[*wire.Problem](err); ok && problem.Code == wire.CodeNotFound {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w; its log: %s", err, tail(c.cloud.Log(), 3))
		}
		if k.Version = p.Version; len(p.Site.Groups) > 0 {
			k.Title = p.Site.Groups[0].Desktop
		}
		return nil
	})
	if err == nil {
		err = k.since(promised)
	}
	if err == nil {
		err = e.knows(k)
	}
	return err
}
