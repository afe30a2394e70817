//go:build linux

package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"understudy/wire"
	"understudy/zone"
)

// Issue 6: "a zone of three TLS connectors installed from the `.deb` in chroots or
// namespaces that goes through the demo's story".
func TestZoneFromPackage(t *testing.T) {
	t.Parallel()
	s := newSecuredStand(t, 3)
	needTool(t, "debootstrap", "debootstrap")
	deb := buildDeb(t)
	for _, c := range s.zone {
		c.installed = s.install(c, deb)
	}
	s.up()
	s.launches("alice", "desktop:office")
	s.tryOutage(t)
	for _, c := range s.zone {
		for _, state := range []string{"Normal", "InitialHA", "PendingRecovery"} {
			c.installed.told(c.name, "STATUS="+state)
		}
	}
	s.othersRefuse(t)
	for _, c := range s.zone {
		if code := c.Stop(step); code != 0 {
			t.Errorf("%s ended with exit code %d", c.name, code)
		}
		c.installed.told(c.name, "STOPPING=1")
	}
}

// othersRefuse: in a forced outage those that are not elected name the one that is.
func (s *secured) othersRefuse(t *testing.T) {
	t.Helper()
	cc := s.zone
	cc[0].admin().Outage("force", "a drill")
	for _, c := range cc {
		c.admin().Reaches(step, zone.InitialHA)
	}
	id := s.ids[frontName]
	for _, c := range cc[1:] {
		a, err := ask(t, s.client(&id), "POST", c.url(7480)+"/storefront/v1/resources", `{"user":"alice"}`)
		if err != nil || a.Problem.Code != wire.CodeNotElected || a.Problem.Elected != "cc01.example.test" {
			t.Errorf("%s answers %d %s (%v), want it to name cc01", c.name, a.Status, a.Body, err)
		}
	}
	cc[0].admin().Outage("clear", "")
	s.isNormal()
}

func buildDeb(t testing.TB) string {
	t.Helper()
	out := t.TempDir()
	cmd := exec.Command("go", "run", "./packaging", "-version", "1.0.0", "-arch", runtime.GOARCH, "-format", "deb", "-out", out)
	cmd.Dir = ".."
	mustRun(t, cmd)
	found, err := filepath.Glob(filepath.Join(out, "*.deb"))
	if err != nil || len(found) != 1 {
		t.Fatalf("built %v, %v", found, err)
	}
	return found[0]
}

func mustRun(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, text)
	}
	return string(text)
}

// installed is a Debian tree with the package in it; the test plays systemd.
type installed struct {
	t    testing.TB
	root string
	// files are the names in the tree of files that the stand has elsewhere.
	files *strings.Replacer

	mu    sync.Mutex // guards what follows
	heard strings.Builder
}

// install makes a tree for a connector: settings, certificates and credentials as
// docs/install.md says.
func (s *secured) install(u *unit, deb string) *installed {
	s.t.Helper()
	i := &installed{t: s.t, root: freshTree(s.t)}
	i.copy(deb, "tmp/understudy.deb", 0o644)
	i.in("dpkg", "--install", "/tmp/understudy.deb")
	id := s.ids[u.name]
	i.copy(filepath.Join("/etc/netns", u.host.namespace, "hosts"), "etc/hosts", 0o644)
	i.copy(id.CertFile, "etc/understudy/tls/host.pem", 0o644)
	i.copy(s.zoneCA.File, "etc/understudy/tls/ca.pem", 0o644)
	i.copy(s.cloudCA.File, "etc/understudy/tls/cloud.pem", 0o644)
	i.copy(id.KeyFile, "etc/credstore/understudy-connector.tls.key", 0o600)
	i.copy(filepath.Join(s.dir, "connector.token"), "etc/credstore/understudy-connector.cloud.token", 0o600)
	i.in("install", "-d", "-o", "understudy", "-g", "understudy", "/run/understudy")
	i.files = strings.NewReplacer("data: "+u.name, "data: /var/lib/understudy/connector", u.socket(), "/run/understudy/admin.sock",
		id.CertFile, "tls/host.pem", id.KeyFile, "credential:tls.key", s.zoneCA.File, "tls/ca.pem", s.cloudCA.File, "tls/cloud.pem",
		"connector.token", "credential:cloud.token")
	// Where the stand looks for them.
	for there, here := range map[string]string{u.socket(): "run/understudy/admin.sock", u.data(): "var/lib/understudy/connector"} {
		if err := os.Symlink(filepath.Join(i.root, here), there); err != nil {
			s.t.Fatal(err)
		}
	}
	i.listen()
	return i
}

// freshTree is a layer over the Debian tree that is kept, gone with the test.
func freshTree(t testing.TB) string {
	t.Helper()
	needRoot(t)
	lower := exec.Command("sh", "../.ci/tree")
	lower.Stderr = os.Stderr
	kept, err := lower.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "understudy-tree-") //nolint:usetesting // a folder of a test is for root alone
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	for _, name := range []string{"root", "upper", "work"} {
		if err == nil {
			err = os.Mkdir(filepath.Join(dir, name), 0o755)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	root := filepath.Join(dir, "root")
	mustRun(t, exec.Command("mount", "-t", "overlay", "overlay", "-o", fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%[2]s/work", strings.TrimSpace(string(kept)), dir), root))
	t.Cleanup(func() { mustRun(t, exec.Command("umount", root)) })
	return root
}

func (i *installed) copy(from, to string, mode os.FileMode) {
	i.t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		i.t.Fatal(err)
	}
	i.write(to, string(data), mode)
}

func (i *installed) write(name, text string, mode os.FileMode) {
	i.t.Helper()
	path := filepath.Join(i.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		i.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		i.t.Fatal(err)
	}
}

func (i *installed) in(line ...string) string {
	i.t.Helper()
	return mustRun(i.t, exec.Command("env", append([]string{"-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "chroot", i.root}, line...)...))
}

// listen hears what the unit tells its service manager.
func (i *installed) listen() {
	i.t.Helper()
	name := filepath.Join(i.root, "run/notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err == nil {
		err = os.Chmod(name, 0o666)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	ended := make(chan struct{})
	i.t.Cleanup(func() { _ = conn.Close(); <-ended })
	go func() {
		defer close(ended)
		for buffer := make([]byte, 4096); ; {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			i.mu.Lock()
			i.heard.Write(append(buffer[:n:n], '\n'))
			i.mu.Unlock()
		}
	}()
}

// told waits until the unit has told the text.
func (i *installed) told(name, text string) {
	i.t.Helper()
	eventually(i.t, step, name+" tells systemd "+text, func() error {
		i.mu.Lock()
		defer i.mu.Unlock()
		if !strings.Contains(i.heard.String(), text) {
			return fmt.Errorf("it told\n%s", i.heard.String())
		}
		return nil
	})
}

// start runs the command of the unit as its user, with its credentials.
func (i *installed) start(u *unit) *process {
	i.t.Helper()
	const name = "understudy-connector.service"
	i.write("etc/understudy/connector.yaml", i.files.Replace(u.text()), 0o644)
	unit, err := os.ReadFile(filepath.Join(i.root, "lib/systemd/system", name))
	if err != nil {
		i.t.Fatal(err)
	}
	var line []string
	user, handed := "", "/run/credentials/"+name
	for text := range strings.Lines(string(unit)) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(text), "="); key {
		case "User":
			user = value
		case "ExecStart":
			line = strings.Fields(value)
		case "LoadCredential":
			id, file, _ := strings.Cut(value, ":")
			if _, err := os.Stat(filepath.Join(i.root, "etc/credstore", file)); err == nil {
				i.copy(filepath.Join(i.root, "etc/credstore", file), handed+"/"+id, 0o400)
			}
		}
	}
	i.in("chown", "-R", user, handed)
	p := start(i.t, command{
		Name: u.name, Path: "chroot", Args: append([]string{"--userspec=" + user + ":" + user, i.root}, line...), Host: u.host,
		Env: []string{"NOTIFY_SOCKET=/run/notify", "CREDENTIALS_DIRECTORY=" + handed, "WATCHDOG_USEC=2000000"},
	})
	i.told(u.name, "READY=1")
	return p
}
