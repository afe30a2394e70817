//go:build linux

package e2e_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// volume is a small disk below a folder. Only processes that are started inside
// see it: it lies in a mount namespace that goes with the test, however that ends.
type volume struct {
	t      testing.TB
	dir    string
	holder *process
}

// newVolume mounts a disk on the folder, which must exist: one of kilobytes of
// memory, or, where the test is to break it, a file with a file system of its own.
func newVolume(t testing.TB, dir string, kilobytes int) *volume {
	t.Helper()
	return mountVolume(t, dir, `mount -t tmpfs -o size="$2"k,mode=0700 tmpfs "$1"`, strconv.Itoa(kilobytes))
}

func mountVolume(t testing.TB, dir, mount string, args ...string) *volume {
	t.Helper()
	if os.Geteuid() != 0 {
		unfit(t, "needs root to mount a disk: run make test as root")
	}
	needTool(t, "unshare", "util-linux")
	needTool(t, "nsenter", "util-linux")
	script := mount + ` && echo mounted && exec sleep infinity`
	v := &volume{t: t, dir: dir}
	v.holder = start(t, command{
		Name: "disk-" + filepath.Base(dir), Path: "unshare",
		Args: append([]string{"--mount", "--propagation", "private", "sh", "-c", script, "sh", dir}, args...),
	})
	v.holder.Says(step, "mounted")
	return v
}

// inside makes a command run where the disk is seen.
func (v *volume) inside(c command) command {
	v.t.Helper()
	if c.Path == "" {
		c.Path = binary(v.t)
	}
	c.Args = append([]string{"--mount", "--wdns=" + cmp.Or(c.Dir, "/"), "--target", v.pid(), c.Path}, c.Args...)
	c.Path = "nsenter"
	return c
}

func (v *volume) pid() string { return strconv.Itoa(v.holder.cmd.Process.Pid) }

// seen is how the test itself reaches a path inside.
func (v *volume) seen(path string) string {
	return filepath.Join("/proc", v.pid(), "root", path)
}

// fill leaves so many kilobytes free.
func (v *volume) fill(kilobytes int64) {
	v.t.Helper()
	ballast, err := os.OpenFile(v.seen(v.ballast()), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer ballast.Close()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(v.seen(v.dir), &fs); err != nil {
		v.t.Fatal(err)
	}
	keep := kilobytes << 10 / fs.Bsize
	block := make([]byte, fs.Bsize)
	for range int64(fs.Bavail) - keep {
		if _, err := ballast.Write(block); err != nil && !errors.Is(err, syscall.ENOSPC) {
			v.t.Fatal(err)
		}
	}
}

// free gives back what fill took.
func (v *volume) free() {
	v.t.Helper()
	if err := os.Remove(v.seen(v.ballast())); err != nil {
		v.t.Fatal(err)
	}
}

func (v *volume) ballast() string { return filepath.Join(v.dir, "ballast") }

// sh runs a line of shell inside.
func (v *volume) sh(line string) {
	v.t.Helper()
	if r := execute(v.t, v.inside(command{Name: line, Path: "sh", Args: []string{"-c", line}})); r.Code != 0 {
		v.t.Fatal(fmt.Errorf("%s: exit %d: %s%s", line, r.Code, r.Out, r.Stderr))
	}
}

func TestVolume(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	v := newVolume(t, dir, 64)
	v.fill(0)
	if r := execute(t, v.inside(command{Name: "dd", Path: "sh", Args: []string{"-c", "echo text > " + dir + "/file"}})); r.Code == 0 {
		t.Error("a full disk takes a file")
	}
	v.free()
	v.sh("echo text > " + dir + "/file")
	if _, err := os.Stat(filepath.Join(dir, "file")); err == nil {
		t.Error("the disk is seen outside")
	}
	if b, err := os.ReadFile(v.seen(filepath.Join(dir, "file"))); err != nil || string(b) != "text\n" {
		t.Errorf("got %q (%v) from the disk, want text", b, err)
	}
}
