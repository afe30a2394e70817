package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"understudy/console/client"
	"understudy/events"
	"understudy/localdb"
	"understudy/program"
)

// maxFiles and maxEvents bound lists.
const (
	maxFiles  = 2000
	maxEvents = 1000
	maxPages  = 50
)

// gather packs what there is; what cannot be had is noted.
func gather(ctx context.Context, o BundleOptions) (*gathering, error) {
	r, err := newRedactor(o.Env.Rand("bundle"), o.WithNames)
	if err != nil {
		return nil, fmt.Errorf("make a salt: %w", err)
	}
	g := &gathering{o: o, r: r, room: maxBundle, most: maxPart}
	report, err := Look(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	o.Kind = report.Kind
	g.addJSON("doctor.json", report)
	d := &doctor{Options: o.Options, now: o.Env.Now()}
	p, err := d.load(ctx)
	if err != nil {
		g.note("configuration and all that it leads to", err)
		return g, nil
	}
	r.learnSecrets(p.kept())
	g.configuration(p)
	g.files(p)
	if p.connector != nil {
		g.connector(ctx, p)
	}
	g.log(ctx, p)
	return g, ctx.Err()
}

// configuration is what is in force, with the defaults; never the file itself, whose
// comments may say anything.
func (g *gathering) configuration(p *patient) {
	text, err := json.Marshal(p.settings)
	var tree any
	if err == nil {
		err = json.Unmarshal(text, &tree)
	}
	if err != nil {
		g.note("configuration.json", err)
		return
	}
	g.addJSON("configuration.json", harmless("", tree))
}

// arguments are keys of programs: what follows the first word may be a password.
var arguments = map[string]bool{"on_elected": true, "on_deposed": true, "command": true, "list": true, "end": true, "disconnect": true, "prepare": true, "reset": true}

// personal are keys whose values are accounts.
var personal = map[string]bool{"user": true, "domain": true, "bind_dn": true, "ignore": true}

// harmless takes out of settings what may be a secret or a person.
func harmless(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k, inner := range v {
			v[k] = harmless(k, inner)
		}
	case []any:
		switch {
		case personal[key]:
			return fmt.Sprintf("[%d left out]", len(v))
		case arguments[key] && len(v) > 1:
			return []any{v[0], fmt.Sprintf("[%d arguments left out]", len(v)-1)}
		}
		for i, inner := range v {
			v[i] = harmless(key, inner)
		}
	case string:
		if personal[key] && v != "" {
			return hidden
		}
	}
	return value
}

// files lists names, modes and sizes, and no contents.
func (g *gathering) files(p *patient) {
	var b strings.Builder
	n := 0
	line := func(name string, info fs.FileInfo) {
		fmt.Fprintf(&b, "%s %10d %s %s\n", info.Mode(), info.Size(), info.ModTime().UTC().Format(time.RFC3339), name)
	}
	for _, f := range p.kept() {
		if info, err := os.Stat(f.Path); err == nil {
			line(f.Path, info)
		}
	}
	err := filepath.WalkDir(p.data, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if n++; n > maxFiles {
			return fs.SkipAll
		}
		if info, err := e.Info(); err == nil {
			line(name, info)
		}
		return nil
	})
	if err != nil {
		g.note("the data folder", err)
	}
	g.add("files.txt", []byte(b.String()))
}

// connector asks the running one, or reads what the one that does not run has left.
func (g *gathering) connector(ctx context.Context, p *patient) {
	c, err := p.console()
	if err == nil {
		err = p.running.err
	}
	if err != nil {
		g.note("the running connector", err)
		g.stored(ctx, p)
		return
	}
	g.addJSON("status.json", p.running.status)
	g.addJSON("peers.json", p.running.peers)
	asked(ctx, g, "snapshots.json", c.Snapshots)
	asked(ctx, g, "groups.json", c.Groups)
	g.goroutines(ctx, c)
	g.sessions(ctx, c)
	g.story(ctx, func(after int64) ([]events.Entry, error) { return c.Events(ctx, after, maxEvents) })
}

func asked[T any](ctx context.Context, g *gathering, name string, ask func(context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(ctx, g.o.Patience)
	defer cancel()
	answer, err := ask(ctx)
	if err != nil {
		g.note(name, err)
		return
	}
	g.addJSON(name, answer)
}

// goroutines are what the process is doing.
func (g *gathering) goroutines(ctx context.Context, c *client.Client) {
	ctx, cancel := context.WithTimeout(ctx, g.o.Patience)
	defer cancel()
	dump, err := c.Goroutines(ctx)
	if err != nil {
		g.note("goroutines.txt", err)
		return
	}
	g.add("goroutines.txt", []byte(dump.Stacks))
}

// sessions are only counted; their users are learned, to be found elsewhere.
func (g *gathering) sessions(ctx context.Context, c *client.Client) {
	ctx, cancel := context.WithTimeout(ctx, g.o.Patience)
	defer cancel()
	list, err := c.Sessions(ctx)
	if err != nil {
		g.note("sessions.json", err)
		return
	}
	counts := map[string]int{}
	for _, s := range list.Items {
		g.r.learn(s.User)
		counts[s.Group+" "+string(s.State)]++
	}
	registrations, err := c.Registrations(ctx)
	if err != nil {
		g.note("registrations", err)
	}
	g.addJSON("sessions.json", map[string]any{"sessions": counts, "registrations": len(registrations.Items), "note": list.Note})
	g.journal(ctx, c)
}

// journal is not packed: its records are about users, whose names are learned.
func (g *gathering) journal(ctx context.Context, c *client.Client) {
	after := uint64(0)
	for range maxPages {
		page, err := c.Journal(ctx, after, maxEvents)
		if err != nil {
			g.note("the users of the journal", err)
			return
		}
		if text, err := json.Marshal(page.Items); err == nil {
			g.r.learnUsers(text)
		}
		if after = page.Next; after == 0 {
			return
		}
	}
}

// story adds the newest events of the time that was asked for.
func (g *gathering) story(_ context.Context, page func(after int64) ([]events.Entry, error)) {
	list, err := page(-1)
	if err != nil {
		g.note("events.ndjson", err)
		return
	}
	var b bytes.Buffer
	from := g.o.Env.Now().Add(-g.o.Since)
	for _, e := range list {
		if e.At.Before(from) {
			continue
		}
		text, err := json.Marshal(e)
		if err != nil {
			g.note("events.ndjson", err)
			return
		}
		b.Write(append(text, '\n'))
	}
	g.r.learnUsers(b.Bytes())
	g.add("events.ndjson", b.Bytes())
}

// stored reads the events of a connector that does not run.
func (g *gathering) stored(ctx context.Context, p *patient) {
	state, err := localdb.OpenStateReadOnly(p.data)
	if err != nil {
		g.note("the stored events", err)
		return
	}
	defer func() { _ = state.Close() }()
	g.story(ctx, func(int64) ([]events.Entry, error) {
		return state.Events(ctx, localdb.EventQuery{Limit: maxEvents, Newest: true})
	})
}

// log adds the end of the log: of its file, or of the journal of the host's services.
func (g *gathering) log(ctx context.Context, p *patient) {
	text, err := p.tail(ctx, g.o.Since)
	if err != nil {
		g.note("log.txt", err)
		return
	}
	from := g.o.Env.Now().Add(-g.o.Since)
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		var said struct{ Time time.Time }
		if json.Unmarshal(line, &said) == nil {
			if said.Time.Before(from) && !said.Time.IsZero() {
				continue
			}
			g.r.learnUsers(line)
		}
		b.Write(line)
	}
	g.add("log.txt", b.Bytes())
}

func (p *patient) tail(ctx context.Context, since time.Duration) ([]byte, error) {
	if p.log != "" {
		return tailOf(p.log)
	}
	if !p.held.alive {
		return nil, errors.New("the process logs to its standard error output and does not run: attach what your service manager kept (`journalctl -u …`)")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*p.Patience)
	defer cancel()
	out := program.Kept{Most: maxPart}
	argv := []string{"journalctl", "--no-pager", "--quiet", "-o", "cat", "--since", fmt.Sprintf("-%ds", int(since.Seconds())), "_PID=" + strconv.Itoa(p.held.pid)}
	cmd := program.New(ctx, argv, nil)
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("the process logs to its standard error output, and journalctl does not say what: %w", err)
	}
	if out.String() == "" {
		return nil, errors.New("the process logs to its standard error output, and journalctl has nothing of it: attach what your service manager or shell kept")
	}
	return []byte(out.String()), nil
}

// tailOf reads the end of a file, from the beginning of a line.
func tailOf(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-maxPart)
	text, err := io.ReadAll(io.LimitReader(io.NewSectionReader(f, from, maxPart), maxPart))
	if from > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text, err
}
