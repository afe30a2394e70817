package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/cmd/understudy/cli"
	"understudy/console"
	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// connector is an admin API with made-up answers.
type connector struct {
	mu     sync.Mutex // guards orders, parts, asked
	orders []wire.OutageOrder
	parts  []wire.ElectionOrder
	asked  int
	refuse *wire.Problem
	status wire.Status
	change func(*console.Options)
}

func (c *connector) options() console.Options {
	return console.Options{
		Status: func() wire.Status {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.asked++
			return c.status
		},
		Events: func(_ context.Context, q console.Query) ([]events.Entry, error) {
			list := []events.Entry{
				{ID: 1, At: noon(), Code: 100, Event: events.Started, Severity: events.Info, Reason: "version 1"},
				{ID: 2, At: noon(), Code: 3502, Event: events.OutageBegan, Severity: events.Warning, Reason: "the cloud is away", Fields: map[string]any{"outage": "o-1", "number": 7}},
			}
			if q.After >= 2 {
				return nil, nil
			}
			return list[q.After:], nil
		},
		Peers: func() wire.List[wire.PeerStatus] { return wire.List[wire.PeerStatus]{Items: peers()} },
		Snapshots: func() wire.List[wire.SnapshotStatus] {
			return wire.List[wire.SnapshotStatus]{Items: []wire.SnapshotStatus{{State: "current", Size: 5 << 20, Digest: "0123456789abcdef"}}}
		},
		Registrations: func() wire.List[wire.RegistrationStatus] {
			return wire.List[wire.RegistrationStatus]{Items: []wire.RegistrationStatus{}, Note: "The cloud broker holds them: this connector does not serve."}
		},
		Sessions: func() wire.List[wire.SessionStatus] {
			return wire.List[wire.SessionStatus]{Items: []wire.SessionStatus{{Machine: "ws1", Session: wire.Session{ID: "s-1", User: "ada", State: wire.Active}}}}
		},
		Groups: groups,
		SessionPeaks: func(_ context.Context, days int) (wire.List[wire.SessionPeak], error) {
			return wire.List[wire.SessionPeak]{Items: sessionPeaks(days)}, nil
		},
		Journal: journalPage,
		Outage:  c.outage, Election: c.election,
		SnapshotDiff: func(context.Context) (wire.SnapshotDiff, error) { return snapshotDiff(), nil },
		Reload: func(context.Context, wire.ReloadOrder) (wire.ReloadAnswer, error) {
			return wire.ReloadAnswer{Changed: []string{"the certificate of cc01.pem"}, Unreadable: []string{"read the token: it is empty"}}, nil
		},
		SnapshotOrder: func(_ context.Context, o wire.SnapshotOrder) (wire.SnapshotAnswer, error) {
			if o.Action == wire.RollbackSnapshot {
				return wire.SnapshotAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused, "there is no older generation")
			}
			return wire.SnapshotAnswer{Version: site.Version{History: "h", Number: 3}, Items: []wire.SnapshotStatus{}}, nil
		},
		Zone: "berlin", GroupOf: func(string) (string, bool) { return "", false }, Tell: func(console.Deed) {},
		Token: "secret", Poll: 5 * time.Millisecond,
	}
}

func (c *connector) outage(_ context.Context, o wire.OutageOrder) (wire.OutageAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		return wire.OutageAnswer{}, c.refuse
	}
	c.orders = append(c.orders, o)
	r := zone.Record{Number: 9, Mode: zone.InitialHA, Force: &zone.Force{By: o.By, Reason: o.Reason}}
	return wire.OutageAnswer{Record: r, CarriedBy: "cc02.example.test"}, nil
}

func (c *connector) election(_ context.Context, o wire.ElectionOrder) (wire.ElectionAnswer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refuse != nil {
		return wire.ElectionAnswer{}, c.refuse
	}
	c.parts = append(c.parts, o)
	e := c.status.Election
	e.Draining = o.Action == wire.Drain
	if o.Action == wire.Promote {
		e.Promotion = &zone.Promotion{By: o.By, Reason: o.Reason, At: noon()}
	}
	return wire.ElectionAnswer{Connector: c.status.Connector, State: c.status.State, Election: e}, nil
}

func noon() time.Time { return time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC) }

func peers() []wire.PeerStatus {
	v := site.Version{History: "20300101T000000Z-abcd", Number: 4}
	return []wire.PeerStatus{
		{FQDN: "cc01.example.test", Self: true, Heard: true, Link: "self", State: zone.ExtendedHA, Elected: "cc01.example.test", Serving: true, CanServe: true, Config: v, ConfigAge: site.Duration(90 * time.Second)},
		{FQDN: "cc02.example.test", Heard: true, Link: "up", State: zone.ExtendedHA, Elected: "cc01.example.test", WhyNot: "it has no usable snapshot", Health: "connection refused"},
		{FQDN: "cc03.example.test", Link: "stopped", Reason: "nobody listens there"},
	}
}

func status() wire.Status {
	return wire.Status{
		Site: "example", Zone: "berlin", Connector: "cc01.example.test", Version: "v0.1.0", At: noon(), Started: noon().Add(-26 * time.Hour),
		Detection: site.Duration(time.Minute), Recovery: site.Duration(5 * time.Minute),
		State: zone.ExtendedHA, Reason: "the first period ended and no present connector is healthy", Outage: "o-1", Number: 7, Term: 5,
		Force:         &zone.Force{By: "ada", Reason: "drill"},
		Election:      wire.ElectionStatus{Elected: "cc01.example.test", Reason: "it is the first running candidate", Serving: true, CanServe: true, Policy: site.Available, Tolerates: 1},
		Health:        wire.HealthStatus{Checked: true, Reason: "connection refused"},
		Snapshot:      &wire.SnapshotStatus{Version: site.Version{History: "20300101T000000Z-abcd", Number: 4}, Age: site.Duration(3 * time.Minute), Counts: map[string]int{"machines": 12, "users": 30}},
		Sync:          wire.SyncStatus{Outcome: "deferred", Detail: "the zone is in HA mode"},
		Gate:          wire.GateStatus{Mode: site.StoreFrontTraffic, Open: true, Reason: "a StoreFront asked cc02 5s ago"},
		Registrations: 11, Sessions: 3, Journal: journalStatus(), Pools: pools(),
		CallIn: wire.CallInStatus{Enabled: true, Known: 12, To: "cc01.example.test", Term: 5, Due: 10, There: 2, Invited: 9, Answered: 7, Refused: 1, Unreachable: 1},
		Hooks: []wire.HookStatus{
			{Hook: "dns", At: noon().Add(-time.Minute), Detail: "berlin.example.test is 192.0.2.1: the name server refuses the update: REFUSED"},
			{Hook: "on_elected", OK: true, At: noon().Add(-time.Hour), Detail: "/usr/local/sbin/take-address"},
		},
		Missing: []string{"cc03.example.test does not run", "ts4.example.test is in maintenance"},
	}
}

// serve returns the address of the connector's admin socket.
func (c *connector) serve(t testing.TB, network string) string {
	t.Helper()
	o := c.options()
	if c.change != nil {
		c.change(&o)
	}
	api, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	api.Routes(r)
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "admin.sock")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	if network == "unix" {
		return "unix:" + address
	}
	return "http://" + l.Addr().String()
}

func run(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = cli.Run(t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

func TestScreens(t *testing.T) {
	address := (&connector{status: status()}).serve(t, "unix")
	for _, name := range []string{"status", "peers", "registrations", "sessions", "snapshots"} {
		t.Run(name, func(t *testing.T) {
			code, got, problems := run(t, name, "--connector", address)
			if code != 0 || problems != "" {
				t.Fatalf("exit %d: %s", code, problems)
			}
			golden(t, name, got)
			code, got, _ = run(t, name, "--connector", address, "-o", "json")
			if code != 0 || !json.Valid([]byte(got)) {
				t.Errorf("exit %d, JSON %s", code, got)
			}
		})
	}
}

func golden(t testing.TB, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s shows\n%s\nwant\n%s", name, got, want)
	}
}

func TestExitCodes(t *testing.T) {
	fine := (&connector{status: status()}).serve(t, "unix")
	overTCP := (&connector{}).serve(t, "tcp")
	starting := (&connector{refuse: wire.NewProblem(503, wire.CodeStarting, "it waits for its peers")}).serve(t, "unix")
	refusing := (&connector{refuse: wire.NewProblem(409, wire.CodeRefused, "there is no usable snapshot")}).serve(t, "unix")
	silent := hang(t)
	token := filepath.Join(t.TempDir(), "admin.token")
	if err := os.WriteFile(token, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"help", []string{"--help"}, 0, ""},
		{"version", []string{"version"}, 0, ""},
		{"status", []string{"status", "--connector", fine}, 0, ""},
		{"with the token", []string{"status", "--connector", overTCP, "--token-file", token}, 0, ""},
		{"without the token", []string{"status", "--connector", overTCP}, 1, "--token-file"},
		{"no token file", []string{"status", "--connector", overTCP, "--token-file", token + "x"}, 1, "read the token"},
		{"nobody there", []string{"status", "--connector", "http://127.0.0.1:1"}, 1, "is the service running?"},
		{"unknown command", []string{"sttaus"}, 2, `unknown command "sttaus"`},
		{"a typing mistake", []string{"sttaus"}, 2, "did you mean status?"},
		{"unknown subcommand", []string{"site", "chek"}, 2, "did you mean check?"},
		{"a typing mistake before a flag", []string{"pki", "isue", "--dir", "x"}, 2, "did you mean issue?"},
		{"no file of keys", []string{"storefront", "keys", "add", "sf01"}, 2, "--file FILE"},
		{"doctor without a file", []string{"doctor", "--config", token + "x"}, 78, token + "x"},
		{"bundle without a file", []string{"support-bundle", "--config", token + "x", "--out", token + ".tar.gz"}, 78, token + "x"},
		{"doctor of something else", []string{"doctor", "--config", token}, 78, "connector, desktop or cloud"},
		{"no cloud broker", []string{"site", "apply", filepath.Join("..", "..", "..", "examples", "site.yaml"), "--cloud", "http://127.0.0.1:1", "--token-file", token}, 1, "is the service running?"},
		{"enrol without TLS", []string{"pki", "enrol", "--url", "http://127.0.0.1:1", "--name", "sf.test", "--out", token, "--ca-file", "ca.pem"}, 2, "https"},
		{"argument left out", []string{"site", "check"}, 2, "site check needs FILE"},
		{"one argument left out", []string{"storefront", "launch", "alice"}, 2, "launch needs RESOURCE"},
		{"unknown form of a launch", []string{"storefront", "launch", "alice", "desktop:a", "--format", "ica"}, 2, "json, rdp, guacamole"},
		{"a file for a table", []string{"storefront", "launch", "alice", "desktop:a", "--out", "x"}, 2, "--out is for --format rdp"},
		{"one argument too many", []string{"site", "check", "a", "b"}, 2, `"b" is too much`},
		{"contract test without a site", []string{"contract", "test", "http://127.0.0.1:1"}, 2, "--site NAME"},
		{"unknown flag", []string{"status", "--colour"}, 2, "--help"},
		{"unknown form", []string{"status", "-o", "xml"}, 2, "table and json"},
		{"too many arguments", []string{"status", "now"}, 2, "now"},
		{"no subcommand", []string{"outage"}, 2, "clear, force"},
		{"bad address", []string{"status", "--connector", "cc01"}, 2, "unix:PATH"},
		{"bad limit", []string{"events", "--limit", "0"}, 2, "--limit"},
		{"unknown kind of event", []string{"events", "--kind", "elected,lunch"}, 2, "--kind lunch"},
		{"follow a folder", []string{"events", "--follow", "--data", "x"}, 2, "--data"},
		{"not a folder", []string{"events", "--data", t.TempDir()}, 1, "not the data folder"},
		{"not ready", []string{"outage", "force", "--connector", starting}, 3, "waits for its peers"},
		{"too late", []string{"status", "--connector", silent, "--timeout", "50ms"}, 4, "in time"},
		{"refused by state", []string{"outage", "force", "--connector", refusing}, 5, "no usable snapshot"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, _, problems := run(t, tt.args...)
			if code != tt.code || !strings.Contains(problems, tt.says) {
				t.Errorf("exit %d, %q; want %d and %q in it", code, problems, tt.code, tt.says)
			}
			if code == 0 && problems != "" {
				t.Errorf("all is well, but it says %q", problems)
			}
		})
	}
}

// hang returns the address of somebody who takes connections and says nothing.
func hang(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "http://" + l.Addr().String()
}

// LHC-18: an operator forces an outage, and says why.
func TestOutageOrders(t *testing.T) {
	c := &connector{}
	address := c.serve(t, "unix")
	code, out, problems := run(t, "outage", "force", "--reason", "drill", "--connector", address)
	if code != 0 || !strings.Contains(out, "pinned in HA mode: InitialHA") || !strings.Contains(out, "cc02.example.test") {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
	if code, _, problems := run(t, "outage", "clear", "--connector", address); code != 0 {
		t.Errorf("exit %d: %s", code, problems)
	}
	if len(c.orders) != 2 || c.orders[0].Action != "force" || c.orders[0].Reason != "drill" || c.orders[0].By == "" || c.orders[1].Action != "clear" {
		t.Errorf("orders %+v", c.orders)
	}
}

func TestConnectorComesFromTheEnvironment(t *testing.T) {
	t.Setenv("UNDERSTUDY_CONNECTOR", (&connector{status: status()}).serve(t, "unix"))
	if code, out, problems := run(t, "status"); code != 0 || !strings.Contains(out, "cc01.example.test") {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
}

// writes passes on each write and ends the command after some.
type writes struct {
	left int
	end  context.CancelFunc
	text bytes.Buffer
}

func (w *writes) Write(p []byte) (int, error) {
	if w.left--; w.left == 0 {
		w.end()
	}
	return w.text.Write(p)
}

func TestWatchAndFollowEndWellWhenStopped(t *testing.T) {
	address := (&connector{status: status()}).serve(t, "unix")
	for _, args := range [][]string{{"status", "--watch", "--every", "100ms", "-o", "json"}, {"events", "--follow", "-o", "json"}} {
		t.Run(args[0], func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			out := &writes{left: 2, end: cancel}
			var problems bytes.Buffer
			code := cli.Run(ctx, append(args, "--connector", address), out, &problems)
			lines := strings.Split(strings.TrimSpace(out.text.String()), "\n")
			if code != 0 || problems.Len() > 0 || len(lines) != 2 || !json.Valid([]byte(lines[1])) {
				t.Errorf("exit %d, %s, %d lines:\n%s", code, problems.String(), len(lines), out.text.String())
			}
		})
	}
}

func TestWatchSurvivesAConnectorThatIsAway(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &writes{left: 2, end: cancel}
	code := cli.Run(ctx, []string{"peers", "--watch", "--every", "100ms", "--connector", "http://127.0.0.1:1"}, out, &bytes.Buffer{})
	if text := out.text.String(); code != 0 || strings.Count(text, "no connector answers") != 2 {
		t.Errorf("exit %d: %s", code, text)
	}
}

func TestEventsOfAStoppedConnector(t *testing.T) {
	dir := t.TempDir()
	state, err := localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "cc01.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []events.Name{events.Started, events.Elected} {
		k := events.Lookup(name)
		if err := state.AppendEvent(t.Context(), events.Entry{At: noon(), Code: k.Code, Event: name, Severity: k.Severity, Reason: "because"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	code, out, problems := run(t, "events", "--data", dir)
	if code != 0 || !strings.Contains(out, "started") || !strings.Contains(out, "elected") {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
	if _, out, _ = run(t, "events", "--data", dir, "--limit", "1"); strings.Contains(out, "started") || !strings.Contains(out, "elected") {
		t.Errorf("the latest one is %q", out)
	}
}

func TestGenerateGivesTheSameSiteForTheSameSeed(t *testing.T) {
	args := []string{"site", "generate", "--machines", "20", "--users", "30", "--seed", "7"}
	code, first, problems := run(t, args...)
	if code != 0 || first == "" {
		t.Fatalf("exit %d: %s", code, problems)
	}
	if _, again, _ := run(t, args...); again != first {
		t.Error("the same seed gave another site")
	}
	if _, other, _ := run(t, append(args, "--seed", "8")...); other == first {
		t.Error("another seed gave the same site")
	}
}

func TestSiteCheck(t *testing.T) {
	dir := t.TempDir()
	_, made, _ := run(t, "site", "generate", "--machines", "20", "--users", "30")
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	spoilt := strings.Replace(made, "zone: berlin", "zone: atlantis", 1) + "colour: red\n"
	for file, text := range map[string]string{good: made, bad: spoilt} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, problems := run(t, "site", "check", good); code != 0 || !strings.Contains(out, "20 machines") {
		t.Errorf("exit %d: %s%s", code, out, problems)
	}
	code, _, problems := run(t, "site", "check", bad)
	if code != 78 || !strings.Contains(problems, "bad.yaml:") || !strings.Contains(problems, "colour") {
		t.Errorf("exit %d: %s", code, problems)
	}
	if code, _, problems = run(t, "site", "check", filepath.Join(dir, "none.yaml")); code != 78 {
		t.Errorf("exit %d: %s", code, problems)
	}
	if code, _, problems = run(t, "site", "apply", good); code != 2 || !strings.Contains(problems, "--cloud") {
		t.Errorf("exit %d: %s", code, problems)
	}
	if code, _, problems = run(t, "site", "apply", bad, "--cloud", "http://127.0.0.1:1"); code != 78 {
		t.Errorf("a bad site was sent: exit %d: %s", code, problems)
	}
}
