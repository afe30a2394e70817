package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guest is a fresh Debian system that runs, with its own systemd as process 1.
type guest struct {
	*tree
	group string // its control group
	init  string // process 1, as this machine counts
}

// boot boots the tree in namespaces of its own; it is gone with the test.
func boot(t *testing.T) *guest {
	t.Helper()
	needRoot(t)
	need(t, "unshare", "util-linux")
	need(t, "nsenter", "util-linux")
	need(t, "ip", "iproute2")
	g := &guest{tree: layer(t, "systemd"), group: newGroup(t)}
	g.write("etc/hostname", "cc01\n")
	g.write("etc/hosts", "127.0.0.1 localhost cc01.example.test cloud.example.test ws01.example.test pki.example.test\n")
	g.permit(0o644, "etc/hostname", "etc/hosts")
	g.run()
	eventually(t, "process 1 runs", func() bool {
		procs, err := os.ReadFile(filepath.Join(g.group, "init.scope/cgroup.procs"))
		g.init = strings.TrimSpace(string(procs))
		return err == nil && g.init != "" && !strings.Contains(g.init, "\n")
	})
	eventually(t, "the guest is up", func() bool {
		_, err := g.try("systemctl", "is-active", "--quiet", "multi-user.target")
		return err == nil
	})
	return g
}

// run starts process 1 and sees to it that nothing is left of it.
func (g *guest) run() {
	g.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command("sh", "packaging/testdata/boot.sh", g.group, g.root)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() {
		if g.t.Failed() {
			out, _ := g.try("journalctl", "--no-pager", "--lines=80")
			g.t.Logf("---- boot\n%s\n---- journal of the guest\n%s", said.String(), out)
		}
		if err := os.WriteFile(filepath.Join(g.group, "cgroup.kill"), []byte("1"), 0o600); err != nil {
			g.t.Error(err)
			_ = cmd.Process.Kill()
		}
		_ = cmd.Wait()
	})
}

// newGroup is an empty control group.
func newGroup(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if words := strings.Fields(line); words[2] == "cgroup2" {
			group := filepath.Join(words[1], fmt.Sprintf("understudy-%s-%d", t.Name(), os.Getpid()))
			if err := os.Mkdir(group, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { removeGroup(t, group) })
			return group
		}
	}
	unfit(t, "needs control groups to boot systemd in: mount -t cgroup2 cgroup2 /sys/fs/cgroup")
	return ""
}

// removeGroup removes what the guest made below it too.
func removeGroup(t *testing.T, group string) {
	t.Helper()
	var all []string
	err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, path := range slices.Backward(all) {
		eventually(t, path+" is empty", func() bool { return os.Remove(path) == nil })
	}
}

// try runs a command in the guest.
func (g *guest) try(line ...string) (string, error) {
	enter := []string{"nsenter", "-t", g.init, "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"}
	out, err := exec.Command(enter[0], append(enter[1:], line...)...).CombinedOutput()
	return string(out), err
}

// in runs a command in the guest that must succeed.
func (g *guest) in(line ...string) string {
	g.t.Helper()
	out, err := g.try(line...)
	if err != nil {
		g.t.Fatalf("%q: %v\n%s", line, err, out)
	}
	return out
}

// says is what systemd says of a unit.
func (g *guest) says(unit, property string) string {
	g.t.Helper()
	return strings.TrimSpace(g.in("systemctl", "show", "--value", "--property="+property, unit))
}

// wants waits until systemd says so.
func (g *guest) wants(unit, property, value string) {
	g.t.Helper()
	eventually(g.t, unit+" has "+property+" "+value, func() bool { return g.says(unit, property) == value })
}

// logs waits until a unit's journal has the text.
func (g *guest) logs(unit, text string) {
	g.t.Helper()
	eventually(g.t, unit+" logs "+text, func() bool {
		return strings.Contains(g.in("journalctl", "--no-pager", "--output=cat", "--unit="+unit), text)
	})
}

// dropIn adds to a unit, as systemctl edit does.
func (g *guest) dropIn(unit, text string) {
	g.t.Helper()
	name := "etc/systemd/system/" + unit + ".d/test.conf"
	g.write(name, text)
	g.permit(0o644, name)
	g.in("systemctl", "daemon-reload")
}

// permit sets who may read files of the tree.
func (r *tree) permit(mode fs.FileMode, names ...string) {
	r.t.Helper()
	for _, name := range names {
		if err := os.Chmod(r.path(name), mode); err != nil {
			r.t.Fatal(err)
		}
	}
}

// eventually waits for something that another process does.
func eventually(t *testing.T, what string, probe func() bool) {
	t.Helper()
	end := time.After(time.Minute)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !probe() {
		select {
		case <-end:
			t.Fatalf("a minute is over, and not yet: %s", what)
		case <-again.C:
		}
	}
}
