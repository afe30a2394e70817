//go:build linux

package bench_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

// follower shows the progress of understudy load, and knows how many desktops are
// registered with who serves.
type follower struct {
	mu         sync.Mutex // guards all below
	partial    []byte
	registered int
	shown      time.Time
}

var registeredLine = regexp.MustCompile(`desktops (\d+)/\d+`)

// Write takes a part of the progress.
func (f *follower) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.partial = append(f.partial, text...)
	for {
		line, rest, whole := bytes.Cut(f.partial, []byte("\n"))
		if !whole {
			return len(text), nil
		}
		f.partial = rest
		f.take(string(line))
	}
}

// take shows what happened, and some of how it goes.
func (f *follower) take(line string) {
	found := registeredLine.FindStringSubmatch(line)
	if found != nil {
		f.registered, _ = strconv.Atoi(found[1])
	}
	if found == nil || time.Since(f.shown) > 4500*time.Millisecond {
		fmt.Println("  " + line)
		f.shown = time.Now()
	}
}

func (f *follower) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.registered
}

// reach waits until so many are registered, for some time at most, and goes on.
func (f *follower) reach(ctx context.Context, desktops int, patience time.Duration, then func()) {
	rest(newLine)
	late, tick := time.After(patience), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for f.count() < desktops {
		select {
		case <-ctx.Done():
			return
		case <-late:
			then()
			return
		case <-tick.C:
		}
	}
	then()
}

// newLine is after how long the latest line tells of the present epoch: there is one
// each second.
const newLine = 1500 * time.Millisecond

// tail passes on what was written to a file since the last time.
type tail struct {
	file *os.File
	to   *follower
}

func (t tail) read() {
	buffer := make([]byte, 64<<10)
	for {
		n, err := t.file.Read(buffer)
		_, _ = t.to.Write(buffer[:n])
		if n == 0 || err != nil {
			return
		}
	}
}

// Issue 4, 9: the phases of a run go by how many desktops are registered.
func TestFollowerCountsDesktops(t *testing.T) {
	var f follower
	for _, part := range []string{"  12s  desktops 9/10  regis", "trations 1/s\n-- cc01 serves: HA mode\n  14s  desktops 1"} {
		if _, err := f.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if got := f.count(); got != 9 {
		t.Errorf("got %d, want 9: the last line is not whole", got)
	}
}
