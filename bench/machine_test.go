//go:build linux

package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// machineText says when, on what and beside which versions it was measured.
func machineText() string {
	return fmt.Sprintf("%s: %d × %s, %s of memory, Linux %s, %s %s/%s; %d machines in the site, %d rounds. Beside %s.", time.Now().UTC().Format(time.DateOnly),
		runtime.NumCPU(), procLine("/proc/cpuinfo", "model name"), gigabytes(procLine("/proc/meminfo", "MemTotal")), kernel(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, *options.machines, *options.rounds, strings.Join(peerVersions(), ", "))
}

// procLine is the value of the first line of a file that begins so.
func procLine(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
		}
	}
	return "unknown " + name
}

func gigabytes(text string) string {
	var kb float64
	if _, err := fmt.Sscan(text, &kb); err != nil {
		return text
	}
	return fmt.Sprintf("%.0f GB", kb/(1<<20))
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(text))
}

var versionText = regexp.MustCompile(`\d+\.\d+(\.\d+)?`)

// peerVersions are those of what is measured beside us, where it is installed.
func peerVersions() []string {
	var list []string
	for _, program := range []string{"sqlite3", "etcd", "redis-server", "keepalived"} {
		out, err := exec.Command(program, "--version").CombinedOutput()
		if version := versionText.Find(out); err == nil && version != nil {
			list = append(list, program+" "+string(version))
		}
	}
	module, _ := os.ReadFile(filepath.Join("testdata", "memberlist", "go.mod"))
	if _, after, ok := strings.Cut(string(module), "hashicorp/memberlist v"); ok {
		list = append(list, "memberlist "+versionText.FindString(after))
	}
	return list
}

// busy is the share of all cores, in percent, that were used between two readings.
type busy struct{ used, all float64 }

func busyNow() busy {
	fields := strings.Fields(procLine("/proc/stat", "cpu "))
	var b busy
	for i, f := range fields {
		var ticks float64
		_, _ = fmt.Sscan(f, &ticks)
		if i < 8 { // guests' time is in the first two already
			b.all += ticks
		}
		if i != 3 && i != 4 && i < 8 { // idle, and waiting for a disk
			b.used += ticks
		}
	}
	return b
}

func (b busy) since(before busy) float64 { return 100 * (b.used - before.used) / (b.all - before.all) }
