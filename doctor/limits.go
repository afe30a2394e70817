package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"understudy/site"
	"understudy/sizing"
)

// leastFiles are enough for a zone of which nothing is known yet.
const leastFiles = 4096

// openFiles compares how many files the process may open with what its zone needs.
func (p *patient) openFiles(context.Context) []Finding {
	limit, known := descriptorsOf(p.held)
	if !known {
		return []Finding{skipped(checkLimits, "open files", "this system has no such limit, or does not show it")}
	}
	need := leastFiles
	if p.connector != nil {
		need = max(need, p.demand().OpenFiles)
	}
	return []Finding{judgeFiles(limit, need, p.held.alive)}
}

func judgeFiles(limit, need int, running bool) Finding {
	whose := "a process that this account starts"
	if running {
		whose = "the running process"
	}
	if limit < need {
		return found("few_files", "open files", fmt.Sprintf("%s may open %d, %d are needed", whose, limit, need), places{"files": strconv.Itoa(need)})
	}
	return fine(checkLimits, "open files", "%s may open %d, %d are needed", whose, limit, need)
}

// descriptorsOf is the hard limit, to which Go raises its own.
func descriptorsOf(h holder) (limit int, known bool) {
	if !h.alive {
		return ownDescriptors()
	}
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.pid), "limits"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			return hard(strings.Fields(rest))
		}
	}
	return 0, false
}

func hard(fields []string) (int, bool) {
	if len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0, false // unlimited
	}
	return n, true
}

// demand is what this site takes, as far as a running connector knows it.
func (p *patient) demand() sizing.Answer {
	d := sizing.Demand{Users: 1, Machines: 1, Zones: 1, LogonWindow: site.Duration(30 * time.Minute), Cores: 1, Policy: site.Available}
	if s := p.running.status.Snapshot; s != nil {
		d.Users, d.Machines, d.Zones = max(1, s.Counts["users"]), max(1, s.Counts["machines"]), max(1, s.Counts["zones"])
	}
	return sizing.Of(d, sizing.Measured())
}

// memory compares the host's memory with what a connector of this site needs.
func (p *patient) memory(context.Context) []Finding {
	total, known := memoryOf("/proc/meminfo")
	if !known {
		return []Finding{skipped(checkLimits, "memory", "how much there is cannot be seen on this system")}
	}
	return []Finding{judgeMemory(total, p.demand().HostMB)}
}

func judgeMemory(total, need int) Finding {
	// What a machine is sold with is a little more than its system sees.
	if total < need*15/16 {
		return found("little_memory", "memory", fmt.Sprintf("the host has %d MB, %d MB are needed", total, need), places{"memory": strconv.Itoa(need)})
	}
	return fine(checkLimits, "memory", "the host has %d MB, %d MB are needed", total, need)
}

func memoryOf(file string) (megabytes int, known bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kb, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))
			return kb / 1000, err == nil
		}
	}
	return 0, false
}
