//go:build linux

package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/events"
	"understudy/wire"
)

// small is the size in KB of a data folder's disk that a test fills: the state
// database and two generations of a small site fit.
const small = 2048

// on gives the player's data folder a disk of its own.
func (p *player) on(c *cast, kilobytes int) *volume {
	c.t.Helper()
	dir := filepath.Join(c.dir, p.name)
	must(c.t, os.Mkdir(dir, 0o700))
	v := newVolume(c.t, dir, kilobytes)
	p.admin = adminOf(c.t, p.url(adminPort), v.seen(dir))
	return v
}

// startOn runs the player with its data folder on the disk.
func (c *cast) startOn(v *volume, p *player) {
	c.t.Helper()
	c.write(p.name+".yaml", c.connectorFile(p))
	p.process = start(c.t, v.inside(command{Name: p.name, Args: []string{"connector", "--config", p.name + ".yaml"}, Dir: c.dir}))
}

// count says how often a process has told of an event.
func (p *process) count(name events.Name) int {
	p.t.Helper()
	return strings.Count(p.Log(), fmt.Sprintf(`"event":%q`, name))
}

// LHC-02: with no room for an import the last good snapshot serves on, an event says
// why, and the next sync with room takes the site.
func TestDiskFullInAnImport(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	first := c.players[0]
	disk := first.on(c, 4*small)
	c.startCloud()
	c.publish()
	c.startOn(disk, first)
	c.openOne()
	before := c.siteVersion(first)

	disk.fill(256) // enough for the state database, not for a large site
	c.write("site.yaml", c.largeSite())
	c.publish()
	first.process.Says(act, `"event":"sync_failed"`)
	if log := first.process.Log(); !strings.Contains(log, "full") && !strings.Contains(log, "no space left") {
		t.Error("sync_failed does not say that the disk is full")
	}
	if s, err := first.Status(); err != nil || s.Snapshot.Version != before {
		t.Errorf("got %+v (%v) after a failed import, want version %s", s.Snapshot, err, before)
	}
	c.outage()
	c.served(act, "bob", "desktop:pool") // from the old snapshot
	c.startCloud()
	c.normal()

	disk.free()
	first.Shows(act, "the new site", func(s wire.Status) error {
		if s.Snapshot == nil || s.Snapshot.Version == before || s.Sync.Outcome == "failed" {
			return fmt.Errorf("snapshot %+v, sync %+v", s.Snapshot, s.Sync)
		}
		return nil
	})
	first.process.Says(act, `"event":"sync_recovered"`)
}

// largeSite has many users more.
func (c *cast) largeSite() string {
	var users strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&users, "  - {name: user%05d, groups: [visitors]}\n", i)
	}
	return strings.Replace(c.siteFile(), "users:\n", "users:\n"+users.String(), 1)
}

// openOne waits until a zone of one connector could go through an outage.
func (c *cast) openOne() {
	c.t.Helper()
	c.startHost()
	c.front = c.storefront()
	c.players[0].Shows(act, "a connector that could serve", func(s wire.Status) error {
		c.front.Beat(c.t.Context())
		if s.Snapshot == nil || s.Starting || !s.Health.Healthy || !s.Health.CallStream || !s.Gate.Open || s.Election.Elected == "" {
			return fmt.Errorf("state %s, elected %q, health %q, gate %q, sync %+v", s.State, s.Election.Elected, s.Health.Reason, s.Gate.Reason, s.Sync)
		}
		return nil
	})
}

// LHC-21, LHC-23: the elected one whose disk is full acknowledges no launch that it
// could lose, gives up the office, and serves again when there is room.
func TestDiskFullOfTheElected(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	first, second := c.players[0], c.players[1]
	disk := first.on(c, small)
	c.startCloud()
	c.publish()
	c.startOn(disk, first)
	c.start(second, c.players[2])
	c.openStarted()
	c.outage()
	bob := c.served(act, "bob", "desktop:pool")

	disk.fill(0)
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
	if n := first.process.count(events.DiskFailed); n > 3 {
		t.Errorf("disk_failed was told %d times, want it once for each failure", n)
	}

	disk.free()
	c.holds(first)
	c.back(bob, "bob", "desktop:pool")
	c.startCloud()
	c.recovered()
}

// launchesOn asks the connector for desktops of the pool until it refuses for its
// disk, and returns those that it gave.
func (c *cast) launchesOn(p *player, users ...string) map[string]wire.LaunchAnswer {
	c.t.Helper()
	given := map[string]wire.LaunchAnswer{}
	for _, user := range users {
		a, err := ask(c.t, http.DefaultClient, http.MethodPost, p.url(clientPort)+"/storefront/v1/sessions",
			fmt.Sprintf(`{"user":%q,"resource":"desktop:pool"}`, user), "Content-Type", "application/json")
		must(c.t, err)
		switch {
		case a.Status/100 == 2:
			var l wire.LaunchAnswer
			must(c.t, json.Unmarshal([]byte(a.Body), &l))
			given[user] = l
		case a.Status == http.StatusServiceUnavailable && (a.Problem.Code == wire.CodeDisk || a.Problem.Code == wire.CodeNotElected):
		default:
			c.t.Errorf("%s on a full disk: got %d %s, want 503 %s", user, a.Status, a.Body, wire.CodeDisk)
		}
	}
	if len(given) == len(users) {
		c.t.Error("every launch was given on a full disk")
	}
	return given
}

// openStarted does what open does, with connectors that run already.
func (c *cast) openStarted() {
	c.t.Helper()
	c.startHost()
	c.front = c.storefront()
	c.prepared("cc01.example.test")
	c.served(act, "alice", "desktop:office")
}

// A start on a full disk ends at once, and says what to do.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	first := c.players[0]
	disk := first.on(c, small)
	disk.fill(0)
	c.startOn(disk, first)
	if code := first.process.Wait(step); code != 1 {
		t.Errorf("got exit code %d, want 1: the service manager tries again", code)
	}
	wantText(t, first.process.Log(), "not writable", "no space left", "free space on its disk")
}

func wantText(t testing.TB, text string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in: %s", w, text)
		}
	}
}

// LHC-13, LHC-16: a cloud broker whose disk is full refuses a site with a clear
// problem and fails its health check, so that the zone takes over; with room again
// it brokers as ever and takes the new site.
func TestDiskFullOfTheCloudBroker(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	dir := filepath.Join(c.dir, "cloud")
	must(t, os.Mkdir(dir, 0o700))
	disk := newVolume(t, dir, small)
	c.cloud = start(t, disk.inside(command{Name: "cloud", Args: []string{"cloud", "--config", "cloud.yaml"}, Dir: c.dir}))
	c.publish()
	c.start()
	c.openOne()
	c.served(act, "carol", "desktop:pool")
	before := c.siteVersion(c.players[0])

	disk.fill(0)
	c.write("site.yaml", strings.Replace(c.siteFile(), "Pooled desktop", "Renamed desktop", 1))
	apply := command{Name: "apply", Dir: c.dir, Args: []string{"site", "apply", "site.yaml", "--cloud", "http://" + c.cloudAt, "--token-file", "operator.token"}}
	if r := execute(t, apply); r.Code == 0 {
		t.Error("a site was published on a full disk")
	} else {
		wantText(t, r.Stderr, wire.CodeDisk)
	}
	wantText(t, c.cloud.Log(), "full")
	if got := c.siteVersion(c.players[0]); got != before {
		t.Errorf("got site version %s, want %s", got, before)
	}
	c.holds(c.players[0]) // its health check fails, so the zone takes over
	bob := c.served(act, "bob", "desktop:pool")
	if n := c.cloud.count(events.DiskFailed); n != 1 {
		t.Errorf("disk_failed was told %d times, want once", n)
	}

	disk.free()
	c.recovered()
	c.publish()
	c.back(bob, "bob", "desktop:pool")
	c.players[0].Shows(act, "the new site", func(s wire.Status) error {
		if s.Snapshot.Version == before {
			return errors.New("still the old one")
		}
		return nil
	})
}

// LHC-25, LHC-35: a desktop host whose disk is full takes no user whom it could
// forget; those who are on it stay, and with room again it takes users.
func TestDiskFullOfADesktopHost(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	c.players = c.players[:1]
	c.write("site.yaml", c.siteFile())
	dir := filepath.Join(c.dir, "desktops")
	must(t, os.Mkdir(dir, 0o700))
	disk := newVolume(t, dir, small)
	c.startCloud()
	c.publish()
	c.start()
	c.openOne()
	c.host.Kill()
	c.host = start(t, disk.inside(command{Name: "desktops", Args: []string{"desktop", "--config", "desktops.yaml"}, Dir: c.dir}))
	bob := c.served(act, "bob", "desktop:pool")
	c.host.Says(act, "session event") // it is on the disk, and nothing is being replaced there
	c.allThere()

	disk.fill(0)
	if l, err := c.launch("carol", "desktop:pool"); err == nil {
		t.Errorf("carol got %s on a full disk", l.Machine)
	}
	wantText(t, c.host.Log(), "the desktop's state is not durable", "no space left")
	must(t, c.seated(bob))
	c.host.Kill()
	disk.free()
	c.host = start(t, disk.inside(command{Name: "desktops", Args: []string{"desktop", "--config", "desktops.yaml"}, Dir: c.dir}))
	c.host.Says(act, fmt.Sprintf(`"machine":"%s","msg":"registered"`, bob.Machine))
	c.back(bob, "bob", "desktop:pool")
	c.served(act, "carol", "desktop:pool")
}
