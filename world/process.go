package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// process is one part of the world that runs.
type process struct {
	name  string
	place Place
	stop  context.CancelFunc
	done  chan struct{}
	err   error
}

// run starts a process; ctx ends it too.
func (w *World) run(ctx context.Context, name string, place Place, f func(context.Context) error) {
	ctx, stop := context.WithCancel(ctx)
	p := &process{name: name, place: place, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = f(ctx)
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.processes[name] = p
}

// Runs reports whether a process has been started and not ended since.
func (w *World) Runs(name string) bool { return w.process(name) != nil }

func (w *World) process(name string) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.processes[name]
}

func (w *World) take(name string) *process {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.processes[name]
	delete(w.processes, name)
	return p
}

// kill is sudden: the network and the disk first, so that nothing can be said any
// more. It waits until the last goroutine has found out.
func (w *World) kill(name string) {
	if p := w.take(name); p != nil {
		p.place.Sever()
		p.stop()
		<-p.done
	}
}

// Stop ends a process in an orderly way and waits for it.
func (w *World) Stop(name string) error {
	p := w.take(name)
	if p == nil {
		return nil
	}
	err := p.end()
	p.place.Sever() // idle connections to it go with their process
	return err
}

func (p *process) end() error {
	p.stop()
	<-p.done
	if p.err != nil && !errors.Is(p.err, context.Canceled) {
		return fmt.Errorf("%s: %w", p.name, p.err)
	}
	return nil
}

// Crash ends a process as a power failure does, and does not wait for what is left
// of it in memory: its next start finds a copy of its folder, as it was at that
// moment. Close waits for the rest. Whoever calls it sees to it that nothing of the
// process runs meanwhile.
func (w *World) Crash(name string) error {
	p := w.take(name)
	if p == nil {
		return nil
	}
	from := w.Dir(name)
	w.mu.Lock()
	w.lives[name]++
	w.ended = append(w.ended, p)
	w.mu.Unlock()
	err := w.leaveCopy(name, from)
	p.place.Sever()
	p.stop()
	return err
}

func (w *World) leaveCopy(name, from string) error {
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := copyFolder(from, w.Dir(name)); err != nil {
		return fmt.Errorf("copy the folder of %s: %w", name, err)
	}
	return nil
}

// Dir is the data folder of one process.
func (w *World) Dir(name string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.lives[name]; n > 0 {
		name = fmt.Sprintf("%s.%d", name, n)
	}
	return filepath.Join(w.o.Dir, name)
}

// copyFolder copies what survives a power failure: SQLite makes its shared memory
// anew, and a socket belongs to who made it.
func copyFolder(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.IsDir():
			err = copyFolder(source, target)
		case e.Type().IsRegular() && filepath.Ext(e.Name()) != ".db-shm":
			err = copyFile(source, target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a temporary one
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}

// Close stops everything in an orderly way, the cloud broker last, and waits for it.
func (w *World) Close() error {
	w.mu.Lock()
	var names []string
	for name := range w.processes {
		names = append(names, name)
	}
	ended := w.ended
	w.ended = nil
	w.mu.Unlock()
	slices.SortFunc(names, func(a, b string) int { return w.rank(a) - w.rank(b) })
	var errs []error
	for _, name := range names {
		errs = append(errs, w.Stop(name))
	}
	for _, p := range ended {
		<-p.done
	}
	return errors.Join(errs...)
}

// rank is the order in which processes stop: whoever asks goes before whom it asks.
func (w *World) rank(name string) int {
	switch {
	case name == Cloud:
		return 3
	case w.isConnector(name):
		return 2
	case w.isStore(name):
		return 0
	}
	return 1
}
