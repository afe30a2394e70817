package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"understudy/cmd/understudy/cli"
	"understudy/datadir"
)

// The files of one zone on loopback, as a company would write them.
const (
	cloudFile = `
site: example
data: cloud
listen: 127.0.0.1:0
insecure: true
tokens_file: tokens
`
	connectorFile = `
site: example
fqdn: cc01.example.test
zone: berlin
data: cc01
cloud: {url: "http://127.0.0.1:1", token_file: connector.token}
listen: {client: "127.0.0.1:0", peer: "127.0.0.1:0", admin: "unix:admin.sock"}
insecure: true
`
	desktopFile = `
machine: ws%03d.example.test
simulate: 2
zone: berlin
data: desktops
connectors: [["http://127.0.0.1:1"]]
listen: 127.0.0.1:0
insecure: true
`
	connectorSecret = "connectors-of-berlin-0001"
	adminSecret     = "administrator-0001-example"
)

// files writes the files into a folder of their own.
func files(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cloud.yaml": cloudFile, "connector.yaml": connectorFile, "desktop.yaml": desktopFile,
		"tokens":          "berlin connector " + connectorSecret + "\nops admin " + adminSecret + "\n",
		"connector.token": connectorSecret + "\n", "admin.token": adminSecret + "\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// running is a service that a test started by its command.
type running struct {
	lines chan map[string]any // of its log
	end   func() int
}

// serviceOf runs a command of a service until the test ends or ends it.
func serviceOf(t testing.TB, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, log := io.Pipe()
	code := make(chan int, 1)
	r := &running{lines: make(chan map[string]any, 1000)}
	go func() {
		code <- cli.Run(ctx, args, io.Discard, log)
		_ = log.Close()
	}()
	go r.collect(read)
	r.end = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	t.Cleanup(func() { r.end() })
	return r
}

// collect reads the log: JSON, one object a line.
func (r *running) collect(log io.Reader) {
	defer close(r.lines)
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line map[string]any
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			line = map[string]any{"msg": lines.Text()}
		}
		select {
		case r.lines <- line:
		default: // nobody reads any more
		}
	}
}

// waitFor returns the first line about the event.
func (r *running) waitFor(t testing.TB, event string) map[string]any {
	t.Helper()
	limit := time.After(20 * time.Second)
	var seen []any
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				t.Fatalf("the service ended without the event %s; it said %v", event, seen)
			}
			if line["event"] == event {
				return line
			}
			seen = append(seen, line)
		case <-limit:
			t.Fatalf("no event %s within 20s; the service said %v", event, seen)
		}
	}
}

func TestServicesNeedTheirFile(t *testing.T) {
	dir := files(t)
	unknownKey := filepath.Join(dir, "unknown.yaml")
	write(t, unknownKey, "colour: red\n")
	for _, service := range []string{"connector", "cloud", "desktop"} {
		t.Run(service, func(t *testing.T) {
			if code, _, problems := run(t, service); code != 2 || !strings.Contains(problems, "--config FILE") {
				t.Errorf("without a file: exit %d, %q; want 2 and --config FILE in it", code, problems)
			}
			if code, _, problems := run(t, service, "--config", filepath.Join(dir, "none.yaml")); code != 78 {
				t.Errorf("no such file: exit %d, %q; want 78", code, problems)
			}
			code, _, problems := run(t, service, "--config", unknownKey)
			if code != 78 || !strings.Contains(problems, "unknown.yaml:1: colour") || !strings.Contains(problems, "data") {
				t.Errorf("bad file: exit %d, %q; want 78 with every fault, by line and key", code, problems)
			}
		})
	}
}

// A file may be good and name others that are not.
func TestServicesNeedTheFilesThatTheirsNames(t *testing.T) {
	for name, change := range map[string][2]string{
		"cloud without tokens":       {"cloud", "tokens"},
		"connector without its keys": {"connector", "connector.token"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := files(t)
			write(t, filepath.Join(dir, change[1]), "\n")
			code, _, problems := run(t, change[0], "--config", filepath.Join(dir, change[0]+".yaml"))
			if code != 78 || !strings.Contains(problems, change[1]) {
				t.Errorf("exit %d, %q; want 78 and the name of the file", code, problems)
			}
		})
	}
}

func TestServicesRefuseAFolderInUse(t *testing.T) {
	dir := files(t)
	for service, folder := range map[string]string{"connector": "cc01", "cloud": "cloud", "desktop": "desktops"} {
		t.Run(service, func(t *testing.T) {
			lock, err := datadir.Lock(filepath.Join(dir, folder))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = lock.Close() }()
			code, _, problems := run(t, service, "--config", filepath.Join(dir, service+".yaml"))
			if code != 1 || !strings.Contains(problems, "in use") {
				t.Errorf("exit %d, %q; want 1 and that the folder is in use", code, problems)
			}
		})
	}
}

func TestConnectorRunsUntilItIsStopped(t *testing.T) {
	dir := files(t)
	s := serviceOf(t, "connector", "--config", filepath.Join(dir, "connector.yaml"))
	s.waitFor(t, "started")
	admin := "unix:" + filepath.Join(dir, "admin.sock")
	if code, out, problems := run(t, "status", "--connector", admin); code != 0 || !strings.Contains(out, "cc01.example.test") {
		t.Errorf("status: exit %d: %s%s", code, out, problems)
	}
	if code := s.end(); code != 0 {
		t.Errorf("stopped by a signal: exit %d, want 0", code)
	}
	s.waitFor(t, "stopped")
	if code, out, problems := run(t, "events", "--data", filepath.Join(dir, "cc01")); code != 0 || !strings.Contains(out, "stopped") {
		t.Errorf("events of the stopped connector: exit %d: %s%s", code, out, problems)
	}
}

func TestDesktopsRunUntilTheyAreStopped(t *testing.T) {
	dir := files(t)
	s := serviceOf(t, "desktop", "--config", filepath.Join(dir, "desktop.yaml"))
	lock := filepath.Join(dir, "desktops", "LOCK")
	for limit := time.After(20 * time.Second); ; {
		if _, err := os.Stat(lock); err == nil {
			break
		}
		select {
		case <-limit:
			t.Fatal("the desktops do not begin")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if code := s.end(); code != 0 {
		t.Errorf("stopped by a signal: exit %d, want 0", code)
	}
}

func TestLogIsWhatTheFileSays(t *testing.T) {
	dir := files(t)
	file := filepath.Join(dir, "cloud.yaml")
	for _, c := range []struct {
		log, want string
		lines     bool
	}{
		{"{level: info, format: json, file: a.log}", `"event":"started"`, true},
		{"{level: info, format: text, file: b.log}", "event=started", true},
		{"{level: error, format: json, file: c.log}", "", false},
	} {
		write(t, file, cloudFile+"log: "+c.log+"\n")
		name := filepath.Join(dir, c.log[strings.Index(c.log, "file: ")+6:len(c.log)-1])
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // what starts and is stopped at once says both
		if code := cli.Run(ctx, []string{"cloud", "--config", file}, io.Discard, &bytes.Buffer{}); code != 0 {
			t.Errorf("%s: exit %d", c.log, code)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(text) > 0; got != c.lines || !strings.Contains(string(text), c.want) {
			t.Errorf("%s: the log is %q", c.log, text)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: the log's mode is %v (%v), want 0600", c.log, info.Mode(), err)
		}
	}
	write(t, file, cloudFile+"log: {level: loud}\n")
	if code, _, problems := run(t, "cloud", "--config", file); code != 78 || !strings.Contains(problems, "log.level") {
		t.Errorf("exit %d, %q; want 78 and the key", code, problems)
	}
}

// Design 5: a store that was put back from a backup gets a new history, once.
func TestCloudRestored(t *testing.T) {
	dir := files(t)
	write(t, filepath.Join(dir, "site.yaml"), "name: example\nzones: [{name: berlin}]\n"+
		`connectors: [{fqdn: cc01.example.test, zone: berlin, client_url: "http://127.0.0.1:1", peer_url: "http://127.0.0.1:2"}]`)
	args := []string{"cloud", "--config", filepath.Join(dir, "cloud.yaml")}
	s := serviceOf(t, args...)
	url := fmt.Sprintf("http://%s", s.waitFor(t, "started")["address"])
	code, out, problems := run(t, "site", "apply", filepath.Join(dir, "site.yaml"), "--cloud", url, "--token-file", filepath.Join(dir, "admin.token"))
	if code != 0 {
		t.Fatalf("apply: exit %d: %s%s", code, out, problems)
	}
	var versions []any
	for _, more := range [][]string{nil, {"--restored"}, nil} {
		s.end()
		s = serviceOf(t, append(args, more...)...)
		versions = append(versions, s.waitFor(t, "started")["version"])
	}
	if versions[0] == versions[1] || versions[1] != versions[2] {
		t.Errorf("started as %v, want a new version with --restored only", versions)
	}
}

// Everybody can hold a cloud broker against the contract; ours keeps all of it.
func TestContractOfOurCloudBroker(t *testing.T) {
	dir := files(t)
	s := serviceOf(t, "cloud", "--config", filepath.Join(dir, "cloud.yaml"))
	url := fmt.Sprintf("http://%s", s.waitFor(t, "started")["address"])
	args := []string{
		"contract", "test", url, "--site", "example", "--token-file", filepath.Join(dir, "connector.token"),
		"--admin-token-file", filepath.Join(dir, "admin.token"),
	}
	code, out, problems := run(t, append(args, "--scratch")...)
	if code != 0 || problems != "" || !strings.Contains(out, " 0 failed, 0 skipped") {
		t.Fatalf("exit %d: %s%s", code, out, problems)
	}
	code, out, problems = run(t, append(args, "-o", "json")...)
	var report struct {
		Checks []struct{ Name, Outcome string }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 0 || len(report.Checks) < 20 {
		t.Errorf("exit %d, %d checks, %v: %s", code, len(report.Checks), err, problems)
	}
	if code, _, problems = run(t, "contract", "test", url, "--site", "example"); code != 2 || !strings.Contains(problems, "token") {
		t.Errorf("without tokens: exit %d, %q; want 2", code, problems)
	}
}
