//go:build linux

package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// run measures the groups of rows one after the other. Each has a process of its own, so
// that what one leaves behind is in no figure of the next: with a large heap around it,
// code that makes much garbage is collected less often, and looks faster than it is.
type run struct {
	ctx   context.Context
	dir   string
	bin   string
	table table
	close func()
}

func newRun() (*run, error) {
	dir, err := os.MkdirTemp("", "understudy-bench-")
	if err != nil {
		return nil, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	r := &run{ctx: ctx, dir: dir, bin: filepath.Join(dir, "understudy"), close: func() { stop(); _ = os.RemoveAll(dir) }}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", r.bin, "understudy/cmd/understudy")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.close()
		return nil, fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return r, nil
}

// apart has a group measured by another process, which tells its rows as they come and
// leaves them in a file. It fails if it was interrupted.
func (r *run) apart(group string) error {
	left := filepath.Join(r.dir, group+".json")
	cmd := exec.CommandContext(r.ctx, need(os.Executable()), append([]string{group, r.dir, r.bin, left}, flagsOfGroups()...)...)
	cmd.Env = append(os.Environ(), roleEnv+"=group")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	err := cmd.Run()
	if r.ctx.Err() != nil {
		return errors.New("interrupted")
	}
	var rows []row
	if err == nil {
		err = json.Unmarshal(need(os.ReadFile(left)), &rows)
	}
	if err != nil {
		r.table.missing(group, "", err.Error(), bar{})
	}
	r.table.rows = append(r.table.rows, rows...)
	return nil
}

// flagsOfGroups are those that were given and say how to measure.
func flagsOfGroups() []string {
	var list []string
	flag.Visit(func(f *flag.Flag) {
		if !slices.Contains([]string{"measure", "docs", "json"}, f.Name) {
			list = append(list, "-"+f.Name+"="+f.Value.String())
		}
	})
	return list
}

// playGroup measures one group.
func playGroup(args []string) {
	must(flag.CommandLine.Parse(args[4:]))
	i := slices.IndexFunc(groups, func(g group) bool { return g.name == args[0] })
	l := newLab(args[1], args[2])
	defer l.close()
	l.measure(groups[i])
	must(l.table.write("", args[3]))
}
