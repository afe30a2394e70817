//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"understudy/events"
	"understudy/wire"
)

// A start on a read-only disk ends at once, and says what to do; so it does where
// everything was there before.
func TestStartOnAReadOnlyDisk(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	first := c.players[0]
	dir := filepath.Join(c.dir, "desktops")
	must(t, os.Mkdir(dir, 0o700))
	connectors, desktops := first.on(c, small), newVolume(t, dir, small)
	host := func() *process {
		return start(t, desktops.inside(command{Name: "desktops", Args: []string{"desktop", "--config", "desktops.yaml"}, Dir: c.dir}))
	}
	c.startCloud()
	c.publish()
	c.startOn(connectors, first)
	c.imported(first)
	c.host = host()
	c.host.Says(act, `"msg":"registered"`)
	for _, p := range []*process{first.process, c.host} {
		if code := p.Stop(act); code != 0 {
			t.Errorf("%s: got exit code %d from an orderly stop", p.name, code)
		}
	}

	for _, v := range []*volume{connectors, desktops} {
		v.sh("mount -o remount,ro " + v.dir)
	}
	c.startOn(connectors, first)
	c.host = host()
	for _, p := range []*process{first.process, c.host} {
		if code := p.Wait(step); code != 1 {
			t.Errorf("%s: got exit code %d, want 1: the service manager tries again", p.name, code)
		}
		wantText(t, p.Log(), "not writable", "read-only file system", "Let this account write there")
	}

	connectors.sh("mount -o remount,rw " + connectors.dir)
	c.startOn(connectors, first)
	c.imported(first)
}

// imported waits until the connector has the site.
func (c *cast) imported(p *player) {
	c.t.Helper()
	p.Shows(act, "the site", func(s wire.Status) error {
		if s.Starting || s.Snapshot == nil {
			return fmt.Errorf("starting %v, sync %+v", s.Starting, s.Sync)
		}
		return nil
	})
}

// refuse makes the disk read-only under files that are open for writing, as a disk
// with errors becomes.
func (d *lossyDisk) refuse(writes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuses = writes
}

func (d *lossyDisk) readOnly() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refuses
}

// LHC-21, LHC-23: the elected one whose disk becomes read-only loses no launch that
// it acknowledged, gives up the office, and serves again when it can write.
func TestReadOnlyDiskOfTheElected(t *testing.T) {
	t.Parallel()
	disk := mountLossy(t, nil)
	c := newCast(t)
	first, second := c.players[0], c.players[1]
	first.data = filepath.Join(disk.folder, "data")
	c.startCloud()
	c.publish()
	c.open()
	c.outage()
	bob := c.served(act, "bob", "desktop:pool")

	disk.refuse(true)
	given := c.launchesOn(first, "carol", "dave")
	c.holds(second)
	first.process.Says(act, `"event":"disk_failed"`)
	c.back(bob, "bob", "desktop:pool")
	for user, l := range given {
		c.back(l, user, "desktop:pool")
	}
	c.served(act, "carol", "desktop:pool")
	first.Shows(act, "that it cannot serve, and why", func(s wire.Status) error {
		if s.Election.CanServe || !strings.Contains(s.Election.WhyNot, "cannot be written") {
			return fmt.Errorf("can serve: %v, %q", s.Election.CanServe, s.Election.WhyNot)
		}
		return nil
	})
	if n := first.process.count(events.DiskFailed); n != 1 {
		t.Errorf("disk_failed was told %d times, want once", n)
	}

	disk.refuse(false)
	c.holds(first)
	c.back(bob, "bob", "desktop:pool")
	c.startCloud()
	c.recovered()
}

// LHC-02: syncs fail with a reason while the disk is read-only, relaying goes on,
// and the next sync on a disk that can be written takes the site.
func TestReadOnlyDiskInNormal(t *testing.T) {
	t.Parallel()
	disk := mountLossy(t, nil)
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	first := c.players[0]
	first.data = filepath.Join(disk.folder, "data")
	c.startCloud()
	c.publish()
	c.start()
	c.openOne()
	before := c.siteVersion(first)

	disk.refuse(true)
	c.write("site.yaml", strings.Replace(c.siteFile(), "Pooled desktop", "Renamed desktop", 1))
	c.publish()
	first.process.Says(act, `"event":"sync_failed"`)
	wantText(t, first.process.Log(), syscall.EROFS.Error())
	first.process.Says(act, `"event":"disk_failed"`)
	c.served(act, "bob", "desktop:pool") // by the cloud broker
	if s, err := first.Status(); err != nil || s.Snapshot.Version != before {
		t.Errorf("got %+v (%v), want version %s", s.Snapshot, err, before)
	}

	disk.refuse(false)
	first.process.Says(act, `"event":"sync_recovered"`)
	first.Shows(act, "the new site, and that it can serve", func(s wire.Status) error {
		if s.Snapshot.Version == before || !s.Election.CanServe {
			return fmt.Errorf("version %s, %q", s.Snapshot.Version, s.Election.WhyNot)
		}
		return nil
	})
	c.outage()
	c.served(act, "carol", "desktop:pool")
}

// LHC-25, LHC-35: a desktop host whose disk becomes read-only takes no user whom it
// could forget; those who are on it stay, and it takes users when it can write.
func TestReadOnlyDiskOfADesktopHost(t *testing.T) {
	t.Parallel()
	disk := mountLossy(t, nil)
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	c.hostData = filepath.Join(disk.folder, "data")
	c.write("desktops.yaml", c.desktopsFile())
	c.startCloud()
	c.publish()
	c.start()
	c.openOne()
	bob := c.served(act, "bob", "desktop:pool")
	c.allThere()

	disk.refuse(true)
	if l, err := c.launch("carol", "desktop:pool"); err == nil {
		t.Errorf("carol got %s on a read-only disk", l.Machine)
	}
	wantText(t, c.host.Log(), "the desktop's state is not durable", syscall.EROFS.Error())
	must(t, c.seated(bob))
	disk.refuse(false)
	c.back(bob, "bob", "desktop:pool")
	c.served(act, "carol", "desktop:pool")
}
