package doctor

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// Bounds of a bundle: of each part, and of all together, before they are compressed.
const (
	maxPart   = 4 << 20
	maxBundle = 16 << 20
)

// BundleOptions say what to pack.
type BundleOptions struct {
	Options
	// Out is the file to write; one that exists is left alone.
	Out string
	// Since is for how long back events and log lines are packed.
	Since time.Duration
	// WithNames leaves the names of users readable.
	WithNames bool
	// Version is that of this program.
	Version string
}

// Bundle is what was packed.
type Bundle struct {
	File  string   `json:"file"`
	Bytes int64    `json:"bytes"`
	Parts []string `json:"parts"`
	// Notes say what could not be had, and why.
	Notes []string `json:"notes,omitempty"`
}

// part is a file of the bundle.
type part struct {
	name string
	text []byte
}

// Pack gathers what a person needs who helps from afar, takes secrets out, and writes it
// to a new file that only this account can read.
func Pack(ctx context.Context, o BundleOptions) (b Bundle, err error) {
	if err := o.validate(); err != nil {
		return b, err
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	file, err := os.OpenFile(o.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return b, fmt.Errorf("make the bundle: %w; name another file with --out", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			_ = os.Remove(o.Out) // half of one is of no use
		}
	}()
	g, err := gather(ctx, o)
	if err != nil {
		return b, err
	}
	b = Bundle{File: o.Out, Notes: g.notes}
	if err := b.write(file, g.cleaned(), o.Env.Now()); err != nil {
		return b, fmt.Errorf("write the bundle: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return b, err
	}
	b.Bytes = info.Size()
	return b, ctx.Err()
}

func (b *Bundle) write(w io.Writer, parts []part, at time.Time) error {
	zip := gzip.NewWriter(w)
	archive := tar.NewWriter(zip)
	for _, p := range parts {
		b.Parts = append(b.Parts, p.name)
		h := &tar.Header{Name: "understudy/" + p.name, Mode: 0o600, Size: int64(len(p.text)), ModTime: at, Format: tar.FormatPAX}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := archive.Write(p.text); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zip.Close())
}

// gathering is a bundle on its way.
type gathering struct {
	o     BundleOptions
	parts []part
	notes []string
	r     *redactor
	// room is how many bytes all parts may have, most each of them.
	room, most int
}

func (g *gathering) add(name string, text []byte) { g.parts = append(g.parts, part{name, text}) }

func (g *gathering) note(what string, err error) {
	g.notes = append(g.notes, fmt.Sprintf("%s: %v", what, err))
}

// addJSON adds a value; what must be learned of it is learned before it is cleaned.
func (g *gathering) addJSON(name string, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		g.note(name, err)
		return
	}
	g.r.learnUsers(text)
	g.add(name, append(text, '\n'))
}

// cleaned are the parts as they are packed, within the bounds.
func (g *gathering) cleaned() []part {
	room := g.room
	out := []part{{"README.txt", []byte(g.readme())}}
	for _, p := range append(g.parts, part{"notes.txt", []byte(lines(g.notes))}) {
		text := g.r.clean(string(ending(p.text, min(room, g.most))))
		room = max(0, room-len(text))
		out = append(out, part{p.name, []byte(text)})
	}
	return out
}

// ending is the end of a text, from the beginning of a line: half of a secret would not
// be known for one.
func ending(text []byte, most int) []byte {
	if len(text) <= most {
		return text
	}
	_, rest, _ := bytes.Cut(text[len(text)-most:], []byte("\n"))
	return append([]byte("[the beginning is left out]\n"), rest...)
}

func lines(all []string) string {
	var text strings.Builder
	for _, l := range all {
		text.WriteString(l + "\n")
	}
	return text.String()
}

func (g *gathering) readme() string {
	users := "Names of users are replaced by a keyed hash whose key nobody has: equal names look equal, within this bundle only."
	if g.o.WithNames {
		users = "Names of users are as they are (--with-names)."
	}
	return "A support bundle of understudy " + g.o.Version + " (" + runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version() + ").\n" +
		"Secrets are taken out: what the files of tokens, keys and passwords hold, and whatever looks like one.\n" + users + "\n" +
		"Names of hosts and groups, addresses and paths are in it. Look through it before you pass it on.\n"
}
