package main

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tree is a fresh Debian system without systemd, to install in: a layer over the one
// that is kept, gone with the test.
type tree struct {
	t    *testing.T
	root string
}

func newTree(t *testing.T) *tree {
	t.Helper()
	needRoot(t)
	return layer(t)
}

// layer is a layer over a tree of .ci/tree, which the words name.
func layer(t *testing.T, words ...string) *tree {
	t.Helper()
	need(t, "debootstrap", "debootstrap")
	need(t, "mount", "mount")
	lower := strings.TrimSpace(string(output(t, exec.Command("sh", append([]string{".ci/tree"}, words...)...))))
	dir := t.TempDir()
	r := &tree{t: t, root: filepath.Join(dir, "root")}
	for _, name := range []string{"root", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	does(t, "mount", "-t", "overlay", "overlay", "-o", "lowerdir="+lower+",upperdir="+dir+"/upper,workdir="+dir+"/work", r.root)
	t.Cleanup(func() { does(t, "umount", r.root) })
	// Its folders are for root alone while they belong to a test.
	for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func output(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (r *tree) path(name string) string { return filepath.Join(r.root, name) }

func (r *tree) read(name string) string {
	r.t.Helper()
	data, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

func (r *tree) write(name, text string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(r.path(name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *tree) exists(name string) bool {
	r.t.Helper()
	_, err := os.Lstat(r.path(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Fatal(err)
	}
	return err == nil
}

// in runs a command in the tree.
func (r *tree) in(line ...string) string {
	r.t.Helper()
	return does(r.t, append([]string{"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "chroot", r.root}, line...)...)
}

// bring hands a package over to the tree and returns its name there.
func (r *tree) bring(file string) string {
	r.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write("tmp/"+filepath.Base(file), string(data))
	return "/tmp/" + filepath.Base(file)
}

// unit is what a service manager reads in a unit's file, as far as we play it.
type unit struct {
	user, command string
	credentials   map[string]string
}

func (r *tree) unit(name string) unit {
	r.t.Helper()
	u := unit{credentials: map[string]string{}}
	for line := range strings.Lines(r.read("lib/systemd/system/" + name)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "User":
			u.user = value
		case "ExecStart":
			u.command = value
		case "LoadCredential":
			id, file, _ := strings.Cut(value, ":")
			u.credentials[id] = file
		}
	}
	return u
}

// running is a unit that runs.
type running struct {
	t       *testing.T
	cmd     *exec.Cmd
	ended   chan struct{}
	notices net.Conn
}

// start plays systemd for a unit: its user, its credentials and a socket for what it
// tells; in a network of its own, and traced to a file if one is named.
func (r *tree) start(name, trace string) *running {
	r.t.Helper()
	u := r.unit(name)
	handed := "/run/credentials/" + name
	for id, file := range u.credentials {
		if r.exists("etc/credstore/" + file) {
			r.write(handed+"/"+id, r.read("etc/credstore/"+file))
		}
	}
	if r.exists(handed) {
		r.in("chown", "-R", u.user, handed)
	}
	line := append([]string{"chroot", "--userspec=" + u.user + ":" + u.user, r.root}, strings.Fields(u.command)...)
	if trace != "" {
		line = append([]string{"strace", "-D", "-f", "-qq", "-o", trace}, line...)
	}
	p := &running{t: r.t, ended: make(chan struct{}), notices: r.listen("run/notify")}
	p.cmd = exec.Command("unshare", append([]string{"--net", "--", "sh", "-c", `ip link set lo up && exec "$@"`, "sh"}, line...)...)
	p.cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET=/run/notify", "CREDENTIALS_DIRECTORY=" + handed, "WATCHDOG_USEC=2000000"}
	var log strings.Builder
	p.cmd.Stdout, p.cmd.Stderr = &log, &log
	p.cmd.WaitDelay = time.Second // the tracer has the same output
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	r.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		if r.t.Failed() {
			r.t.Logf("---- %s\n%s", name, log.String())
		}
	})
	return p
}

func (r *tree) listen(name string) net.Conn {
	r.t.Helper()
	_ = os.Remove(r.path(name))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: r.path(name), Net: "unixgram"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	if err := os.Chmod(r.path(name), 0o666); err != nil {
		r.t.Fatal(err)
	}
	return conn
}

// tells waits until the unit tells the text.
func (p *running) tells(text string) {
	p.t.Helper()
	if err := p.notices.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		p.t.Fatal(err)
	}
	var heard []string
	for buffer := make([]byte, 4096); ; {
		n, err := p.notices.Read(buffer)
		if err != nil {
			p.t.Fatalf("it tells %q, not %s: %v", heard, text, err)
		}
		heard = append(heard, string(buffer[:n]))
		if strings.Contains(heard[len(heard)-1], text) {
			return
		}
	}
}

// reload does what ExecReload does; systemd waits for both answers.
func (p *running) reload() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	p.tells("RELOADING=1\nMONOTONIC_USEC=")
	p.tells("READY=1")
}

// stop ends the unit as systemd does and wants it to end well.
func (p *running) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.tells("STOPPING=1")
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.t.Errorf("it ended with exit code %d", code)
	}
}
