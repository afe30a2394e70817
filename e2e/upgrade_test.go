//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"understudy/env"
	"understudy/storefront/client"
	"understudy/wire"
)

var buildRelease = buildOnce("release", "understudy/e2e/release")

// fromEnv names a commit of the repository whose binary is the older release:
// make upgrade FROM=COMMIT.
const fromEnv = "UNDERSTUDY_UPGRADE_FROM"

// How tries are counted that no connector has answered: that connector was being
// replaced, or none said on its heartbeats that it serves.
const (
	nobodyThere  = "nobody listens"
	nobodyServes = "nobody serves"
)

// breath is between two requests of one user.
const breath = 100 * time.Millisecond

// release is a binary that connectors run.
type release struct {
	path string
	env  []string
}

// older is the release before the upgrade: of an older commit, or of this tree under
// another name.
func older(t testing.TB) release {
	t.Helper()
	if commit := os.Getenv(fromEnv); commit != "" {
		return release{path: buildCommit(t, commit)}
	}
	path, err := buildRelease()
	if err != nil {
		t.Fatal(err)
	}
	return release{path: path, env: []string{"UNDERSTUDY_VERSION=0.9.0"}}
}

// buildCommit builds the binary of an earlier commit of this repository.
func buildCommit(t testing.TB, commit string) string {
	t.Helper()
	tree, path := filepath.Join(t.TempDir(), "tree"), filepath.Join(t.TempDir(), "understudy")
	shell := fmt.Sprintf("mkdir -p %s && git -C .. archive %s | tar -x -C %s && cd %s && CGO_ENABLED=0 go build -o %s ./cmd/understudy", tree, commit, tree, tree, path)
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", shell).CombinedOutput(); err != nil {
		t.Fatalf("build commit %s: %v\n%s", commit, err, out)
	}
	return path
}

// upgraded is a zone of an older release with its traffic.
type upgraded struct {
	*cast
	bustle *bustle
}

// beforeUpgrade is a zone whose connectors are all of the older release, with users at
// their desktops and another desktop that registers again and again.
func beforeUpgrade(t testing.TB) *upgraded {
	t.Helper()
	u := &upgraded{cast: newCast(t)}
	u.write("site.yaml", strings.Replace(u.siteFile(), quick, calm, 1)+"  - {name: ws006.example.test, group: office, zone: berlin}\n")
	u.startCloud()
	u.publish()
	old := older(t)
	for _, p := range u.players {
		u.write(p.name+".yaml", u.connectorFile(p))
		u.runAs(p, old)
	}
	u.startHost()
	u.front = u.storefront()
	for _, p := range u.players {
		p.Shows(act, "a synchronised, healthy connector", func(s wire.Status) error {
			if s.Snapshot == nil || s.Starting || !s.Health.Healthy || !s.Health.CallStream || s.Election.Elected != "cc01.example.test" {
				return fmt.Errorf("state %s, elected %q, health %q, sync %+v", s.State, s.Election.Elected, s.Health.Reason, s.Sync)
			}
			return nil
		})
	}
	u.allThere()
	return u
}

func (u *upgraded) runAs(p *player, r release) {
	u.t.Helper()
	p.process = start(u.t, command{Name: p.name, Path: r.path, Args: []string{"connector", "--config", p.name + ".yaml"}, Env: r.env, Dir: u.dir})
}

// upgrade replaces the binary of one connector: orderly stop, start, and a wait until it
// is as good as before.
func (u *upgraded) upgrade(p *player) {
	u.t.Helper()
	if code := p.process.Stop(act); code != 0 {
		u.t.Errorf("%s: exit code %d of an orderly stop, want 0", p.name, code)
	}
	u.runAs(p, release{})
	p.Shows(act, "that it could take over, or serves, as the new release", func(s wire.Status) error {
		if s.Starting || !s.Election.CanServe || s.Version == "0.9.0" || s.State.HA() && !s.Election.Serving && !s.Mirror.Whole {
			return fmt.Errorf("version %s, starting %v, state %s, cannot serve: %q, mirror %+v", s.Version, s.Starting, s.State, s.Election.WhyNot, s.Mirror)
		}
		return nil
	})
	eventually(u.t, act, "all see the zone as it was", func() error {
		return u.each(func(s wire.Status) error {
			if s.Election.Elected != "cc01.example.test" {
				return fmt.Errorf("elected %s", s.Election.Elected)
			}
			return nil
		})
	})
}

// oneAtATime upgrades those that are not elected first, the elected one last.
func (u *upgraded) oneAtATime() {
	u.t.Helper()
	for _, p := range slices.Backward(u.players) {
		u.upgrade(p)
	}
}

// TestRollingUpgradeInNormal: "a rolling upgrade of a three-connector zone, one at a
// time, in Normal …, with desktops registering all the while: no rejected launch beyond
// the hand-over".
func TestRollingUpgradeInNormal(t *testing.T) {
	t.Parallel()
	u := beforeUpgrade(t)
	sessions := u.seats()
	u.begin()
	u.oneAtATime()
	u.end(sessions)
}

// TestRollingUpgradeInHAMode: "… and in HA mode". Sessions and leases survive.
func TestRollingUpgradeInHAMode(t *testing.T) {
	t.Parallel()
	u := beforeUpgrade(t)
	sessions := u.seats()
	u.cloud.Kill()
	u.players[0].Shows(act, "that it serves all desktops", func(s wire.Status) error {
		if !s.Election.Serving || s.Registrations < u.desktops {
			return fmt.Errorf("state %s (%s), serving %v, %d registrations", s.State, s.Waiting, s.Election.Serving, s.Registrations)
		}
		return nil
	})
	leases := strings.Count(u.host.Log(), `"msg":"registered"`)
	u.begin()
	u.oneAtATime()
	u.end(sessions)
	if again := strings.Count(u.host.Log(), `"msg":"registered"`) - leases; again != 0 {
		t.Errorf("%d desktops lost their lease and registered anew, want none: each successor had the state", again)
	}
}

// seats has each user launch and sit down.
func (u *upgraded) seats() map[string]wire.LaunchAnswer {
	u.t.Helper()
	out := map[string]wire.LaunchAnswer{}
	for user, resource := range seatedUsers() {
		out[user] = u.served(act, user, resource)
	}
	return out
}

func seatedUsers() map[string]string {
	return map[string]string{"alice": "desktop:office", "bob": "desktop:pool", "carol": "desktop:pool"}
}

// end stops the traffic, and looks at what became of all of it.
func (u *upgraded) end(sessions map[string]wire.LaunchAnswer) {
	u.t.Helper()
	eventually(u.t, act, "there was traffic, and there is after the upgrade", u.bustle.enough)
	u.bustle.stop()
	u.t.Logf("%s", u.bustle)
	for user, session := range sessions {
		if err := u.seated(session); err != nil {
			u.t.Errorf("the upgrade ended %s's session: %v (RAS-03)", user, err)
		}
		u.back(session, user, seatedUsers()[user])
	}
	for why, n := range u.bustle.refused {
		if !slices.Contains([]string{wire.CodeHandover, wire.CodeNotElected, wire.CodeStarting, nobodyThere, nobodyServes}, why) {
			u.t.Errorf("%d requests failed otherwise than by the hand-over: %s", n, why)
		}
	}
	for _, why := range u.bustle.lost {
		u.t.Errorf("lost: %s", why)
	}
}

// bustle is what users and a desktop ask while the zone is upgraded.
type bustle struct {
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu                      sync.Mutex // guards what follows
	launches, registrations int
	refused                 map[string]int // tries by the code of the answer
	longest                 time.Duration  // of one launch with its repetitions
	lost                    []string       // what never succeeded, or had another outcome
}

// String says how it went.
func (t *bustle) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return fmt.Sprintf("%d launches, the longest took %v; %d registrations; tries that were refused and repeated: %v",
		t.launches, t.longest.Round(time.Millisecond), t.registrations, t.refused)
}

func (t *bustle) enough() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.launches < 30 || t.registrations < 10 {
		return fmt.Errorf("%d launches and %d registrations", t.launches, t.registrations)
	}
	return nil
}

func (t *bustle) stop() {
	t.cancel()
	t.ended.Wait()
}

func (u *upgraded) begin() {
	u.t.Helper()
	ctx, cancel := context.WithCancel(u.t.Context())
	u.bustle = &bustle{cancel: cancel, refused: map[string]int{}}
	u.t.Cleanup(u.bustle.stop)
	front := u.busyFront(ctx)
	for user, resource := range maps.All(seatedUsers()) {
		u.bustle.ended.Go(func() { u.bustle.keepLaunching(ctx, front, user, resource) })
	}
	u.bustle.ended.Go(func() { u.bustle.keepRegistering(ctx, u.urls()) })
}

// busyFront is a StoreFront that looks often who serves.
func (u *upgraded) busyFront(ctx context.Context) *client.Client {
	u.t.Helper()
	front, err := client.New(client.Options{
		Env: env.Real(), Connectors: u.urls(), Interval: 200 * time.Millisecond, ConnectTimeout: time.Second, AnswerTimeout: 5 * time.Second,
	})
	if err != nil {
		u.t.Fatal(err)
	}
	front.Beat(ctx)
	u.bustle.ended.Go(func() { _ = front.Run(ctx) }) // it ends with ctx
	return front
}

// keepLaunching launches again and again. A launch that is refused is repeated, and has
// to succeed.
func (t *bustle) keepLaunching(ctx context.Context, front *client.Client, user, resource string) {
	for ctx.Err() == nil {
		began := time.Now()
		err := t.repeat(ctx, func() error {
			_, err := front.Launch(ctx, wire.LaunchRequest{User: user, Resource: resource})
			return err
		})
		t.done(ctx, &t.launches, user+" launches "+resource, time.Since(began), err)
		rest(ctx, breath)
	}
}

// keepRegistering is a desktop that registers and goes away again and again.
func (t *bustle) keepRegistering(ctx context.Context, urls []string) {
	at := 0
	for ctx.Err() == nil {
		began := time.Now()
		err := t.repeat(ctx, func() error {
			elected, err := register(ctx, urls[at])
			if next := slices.Index(urls, elected); err != nil && next >= 0 {
				at = next // one hop, to who serves
			} else if err != nil {
				at = (at + 1) % len(urls)
			}
			return err
		})
		t.done(ctx, &t.registrations, "ws006 registers", time.Since(began), err)
		rest(ctx, breath)
	}
}

// register asks once; it returns whom the answer names.
func register(ctx context.Context, url string) (elected string, err error) {
	const body = `{"machine":"ws006.example.test","zone":"berlin","agent_version":"e2e","protocol":"1.0","callback":"http://127.0.0.1:1/ws006.example.test","capacity":1,"load":0,"term":0,"used":false,"sessions":[]}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/vda/v1/registrations", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusCreated {
		return "", nil
	}
	p := wire.ReadProblem(resp)
	return p.ElectedURL, p
}

// repeat tries until it succeeds, for as long as anything in these tests may take.
func (t *bustle) repeat(ctx context.Context, try func() error) error {
	limit := time.Now().Add(act)
	for {
		err := try()
		if err == nil || ctx.Err() != nil || time.Now().After(limit) {
			return err
		}
		t.note(err)
		rest(ctx, breath)
	}
}

// note counts a try that failed. Nobody listens at a connector that is being replaced:
// whoever asked it goes to another one. A StoreFront whose heartbeats came just while
// the office changed hands uses nobody until its next ones.
func (t *bustle) note(err error) {
	why := err.Error()
	if p, ok := errors.AsType[*wire.Problem](err); ok {
		why = p.Code
	} else if errors.Is(err, client.ErrNoConnector) {
		why = nobodyServes
	} else if strings.Contains(why, "connection re") || strings.Contains(why, "EOF") {
		why = nobodyThere
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused[why]++
}

func (t *bustle) done(ctx context.Context, count *int, what string, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case err == nil:
		*count++
		t.longest = max(t.longest, took)
	case ctx.Err() == nil:
		t.lost = append(t.lost, fmt.Sprintf("%s: %v", what, err))
	}
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
