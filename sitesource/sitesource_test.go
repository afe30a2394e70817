//go:build unix

package sitesource_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"understudy/site"
	"understudy/sitesource"
	"understudy/wire"
)

func newSource(t testing.TB, o sitesource.Options) *sitesource.Source {
	t.Helper()
	if o.Parse == nil {
		o.Parse = sitesource.ParseNDJSON
	}
	s, err := sitesource.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ndjson is a site as a source gives it.
func ndjson(t testing.TB, s *site.Site, counted bool) []byte {
	t.Helper()
	header := map[string]any{"site": s.Name}
	if counted {
		header["counts"] = wire.ConfigCounts(s)
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	if err := out.Encode(header); err != nil {
		t.Fatal(err)
	}
	for o := range wire.Objects(s) {
		if err := out.Encode(o); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func write(t testing.TB, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// LHC-01: whether the configuration changed goes by its digest: what is known is not
// given again, whatever the order of its lines.
func TestReadSaysWhatChanged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.ndjson")
	first, second := site.Generate(20, 10, 1), site.Generate(21, 10, 1)
	source := newSource(t, sitesource.Options{File: file})
	write(t, file, ndjson(t, first, true))
	got, digest, err := source.Read(t.Context())
	if err != nil || digest != wire.Digest(first) || wire.Digest(got) != digest {
		t.Fatalf("digest %s, %v", digest, err)
	}
	if got, again, err := source.Read(t.Context(), "other", digest); err != nil || got != nil || again != digest {
		t.Errorf("unchanged: got a site %t, %s, %v", got != nil, again, err)
	}
	header, objects, _ := bytes.Cut(ndjson(t, first, false), []byte("\n"))
	lines := bytes.SplitAfter(objects, []byte("\n"))
	turned := append(slices.Clip(header), '\n')
	for i := range lines {
		turned = append(turned, lines[len(lines)-1-i]...)
	}
	write(t, file, turned)
	if got, again, err := source.Read(t.Context(), digest); err != nil || got != nil || again != digest {
		t.Errorf("in another order: got a site %t, %s, %v", got != nil, again, err)
	}
	write(t, file, ndjson(t, second, true))
	if got, changed, err := source.Read(t.Context(), digest); err != nil || got == nil || changed != wire.Digest(second) {
		t.Errorf("changed: got a site %t, %s, %v", got != nil, changed, err)
	}
}

// A configuration stream of the cloud broker is a source too, once it is unpacked.
func TestConfigurationStreamIsNDJSON(t *testing.T) {
	s := site.Generate(20, 10, 1)
	var packed bytes.Buffer
	if err := wire.WriteConfig(&packed, s, site.Version{History: "h", Number: 3}); err != nil {
		t.Fatal(err)
	}
	unpack, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unpack.Close()
	text, err := unpack.DecodeAll(packed.Bytes(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sitesource.ParseNDJSON("stream", text)
	if err != nil || wire.Digest(got) != wire.Digest(s) {
		t.Errorf("another site, or %v", err)
	}
	if _, err := sitesource.ParseNDJSON("stream", append(text, `{"user":{"name":"late"}}`...)); err == nil || !strings.Contains(err.Error(), "after the trailer") {
		t.Errorf("error %v", err)
	}
}

func TestBadNDJSON(t *testing.T) {
	good := string(ndjson(t, site.Generate(5, 3, 1), true))
	for name, c := range map[string]struct{ text, says string }{
		"nothing":        {"\n \n", "x is empty"},
		"YAML":           {"name: example\nzones: []\n", "x, line 1: the header"},
		"no site":        {`{"counts":{}}`, "names no site"},
		"a delta":        {`{"site":"a","base":{"history":"h","number":1}}`, "is a delta"},
		"unknown key":    {`{"site":"a"}` + "\n" + `{"user":{"name":"bob","colour":"red"}}`, `x, line 2: json: unknown field "colour"`},
		"two objects":    {`{"site":"a"}` + "\n" + `{"user":{"name":"bob"},"zone":{"name":"z"}}`, "line 2: it holds not exactly one"},
		"two on a line":  {`{"site":"a"}` + "\n" + `{"user":{"name":"bob"}}{"user":{"name":"eve"}}`, "more than one JSON object"},
		"cut off":        {good[:strings.LastIndex(strings.TrimSuffix(good, "\n"), "\n")+1], "is not whole: its header counts"},
		"cut in a line":  {good[:len(good)-9], "line "},
		"a line of 2 MB": {`{"site":"a"}` + "\n" + `{"user":{"name":"` + strings.Repeat("b", 2<<20) + `"}}`, "line 2"},
	} {
		if _, err := sitesource.ParseNDJSON("x", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.says) || len(err.Error()) > 2*wire.MaxDetail {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

func TestFileThatIsNone(t *testing.T) {
	dir := t.TempDir()
	for name, says := range map[string]string{filepath.Join(dir, "none"): "no such file", dir: "not a regular file", os.DevNull: "not a regular file"} {
		if _, _, err := newSource(t, sitesource.Options{File: name}).Read(t.Context()); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}

// script writes a program that a source runs.
func script(t testing.TB, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "give")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCommandGivesTheSite(t *testing.T) {
	s := site.Generate(20, 10, 1)
	file := filepath.Join(t.TempDir(), "a site; with $HOME in its name")
	write(t, file, ndjson(t, s, true))
	// What a shell would take apart arrives as it is.
	source := newSource(t, sitesource.Options{Command: []string{script(t, `echo "only a warning" >&2; cat "$1"`), file}})
	if _, digest, err := source.Read(t.Context()); err != nil || digest != wire.Digest(s) {
		t.Errorf("digest %s, %v", digest, err)
	}
}

func TestCommandThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		command []string
		says    []string
	}{
		"is not there":   {[]string{"/nowhere/give"}, []string{"the command /nowhere/give", "no such file"}},
		"exits with 3":   {[]string{script(t, `echo '{"site":"a"}'; echo "no licence" >&2; echo "for you" >&2; exit 3`), "s3cret"}, []string{"exit status 3: no licence for you"}},
		"is killed":      {[]string{script(t, `kill -9 $$`)}, []string{"signal: killed"}},
		"says too much":  {[]string{script(t, `head -c 100000 /dev/zero | tr '\0' x >&2; exit 1`)}, []string{"exit status 1: xxx"}},
		"never stops":    {[]string{script(t, `exec cat /dev/zero`)}, []string{"gives more than"}},
		"gives nothing":  {[]string{script(t, `:`)}, []string{"is empty"}},
		"is slow":        {[]string{script(t, `echo begun >&2; exec sleep 1000`)}, []string{"did not end within 1s: begun"}},
		"leaves a child": {[]string{script(t, `sleep 1000 & exec sleep 1000`)}, []string{"did not end within 1s"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limit := time.Minute
			if strings.Contains(strings.Join(c.says, ""), "1s") {
				limit = time.Second
			}
			_, _, err := newSource(t, sitesource.Options{Command: c.command, Timeout: limit}).Read(t.Context())
			for _, says := range c.says {
				if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "s3cret") || len(err.Error()) > 2*wire.MaxDetail {
					t.Errorf("error %v, want %q and no argument", err, says)
				}
			}
		})
	}
}

func TestCommandEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(errors.New("the connector is stopping"))
	_, _, err := newSource(t, sitesource.Options{Command: []string{script(t, `exec sleep 1000`)}}).Read(ctx)
	if err == nil {
		t.Error("no error")
	}
}

func TestOptionsNameTheBadField(t *testing.T) {
	parse := sitesource.ParseNDJSON
	for i, c := range []struct {
		o    sitesource.Options
		says string
	}{
		{sitesource.Options{Parse: parse}, "either File or Command"},
		{sitesource.Options{Parse: parse, File: "a", Command: []string{"b"}}, "either File or Command"},
		{sitesource.Options{Parse: parse, Command: []string{""}}, "names no program"},
		{sitesource.Options{File: "a"}, "Parse is missing"},
		{sitesource.Options{Parse: parse, File: "a", Timeout: -1}, "is negative"},
	} {
		if _, err := sitesource.New(c.o); err == nil || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%d: %v, want %q", i, err, c.says)
		}
	}
}
