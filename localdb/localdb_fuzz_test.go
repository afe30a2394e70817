package localdb_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"understudy/datadir"
	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// maxFault bounds what an error says of a file or a stream.
const maxFault = 6 * wire.MaxDetail // it may be quoted twice over

func lineSum(line string) string {
	sum := sha256.Sum256([]byte(line))
	return hex.EncodeToString(sum[:])
}

// LHC-02: "the last good one" is what a start finds. Whatever CURRENT holds, only
// files of the folder that are snapshots are named by it.
func FuzzCurrent(f *testing.F) {
	good := `{"generations":[{"file":"site-a-1-b.db","sha256":"x","size":1}]}`
	f.Add(good, true)
	f.Add(good+"\n"+lineSum(good)+"\n", false)
	f.Add(good+"\n"+lineSum(good), false)
	f.Add(`{"generations":[{"file":"site-/../../x.db"}]}`, true)
	f.Add(`{"generations":[{"file":"site-\u0000.db","size":-1},{"file":"site-.db"}]}`, true)
	f.Add(`{"generations":[{"file":"site-`+strings.Repeat("x", 9000)+`.db"}]}`, true)
	f.Add(`{"generations":[{"file":"`+strings.Repeat("x", 9000)+`"}]}`, true)
	f.Add(`{"generations":[{"file":"site-a.db"},{"file":"site-a.db"}]}`, true)
	f.Add(strings.Repeat("[", 11000), true)
	f.Fuzz(func(t *testing.T, text string, mend bool) {
		if mend {
			text, _, _ = strings.Cut(text, "\n")
			text += "\n" + lineSum(text) + "\n"
		}
		named, err := localdb.ParseCurrent([]byte(text))
		if err != nil {
			if named != nil || len(err.Error()) > maxFault {
				t.Errorf("got %v with an error of %d bytes", named, len(err.Error()))
			}
			return
		}
		for _, name := range named {
			if filepath.Dir(filepath.Join("folder", name)) != "folder" || !strings.HasPrefix(name, "site-") || !strings.HasSuffix(name, ".db") {
				t.Errorf("it names %q", name)
			}
		}
		again, err := localdb.ParseCurrent(localdb.FormatCurrent(t, []byte(text)))
		if err != nil || strings.Join(again, "\n") != strings.Join(named, "\n") {
			t.Errorf("written again it names %q (%v), want %q", again, err, named)
		}
	})
}

// LHC-01, LHC-02: a stream makes a snapshot that verifies, and opens again after a
// restart with the same content; or nothing at all, and nothing stays on the disk.
func FuzzBuild(f *testing.F) {
	s := site.Generate(3, 2, 1)
	f.Add(lines(f, s))
	f.Add(strings.Replace(lines(f, s), `"settings":{`, `"settings":{"deadline":"1h","join_wait":"2h",`, 1))
	f.Add(strings.Replace(lines(f, s), `"1.1"`, `"1.7"`, 1) + `{"later":1}` + "\n")
	f.Add(strings.ReplaceAll(lines(f, s), `"command":"`, `"command":"\u0000\ud800`))
	f.Add(strings.Replace(lines(f, s), `"number":`, `"number":18446744073709551615,"x":`, 1))
	f.Add(strings.Replace(lines(f, s), `"history":"`, `"history":"../ä\u0000`, 1))
	f.Add(strings.ReplaceAll(lines(f, s), `"zone":"`, `"zone":"`+strings.Repeat("z", 5000)))
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		snapshots, _, err := localdb.OpenSnapshots(dir, env.Real())
		if err != nil {
			t.Fatal(err)
		}
		digest, err := take(t, snapshots, mended(text))
		shut(t, snapshots)
		if err != nil {
			if len(err.Error()) > maxFault {
				t.Errorf("an error of %d bytes: %.300s", len(err.Error()), err)
			}
			if left := files(t, dir, ""); len(left) > 0 {
				t.Errorf("%v, and %v is left", err, left)
			}
			return
		}
		again, findings, err := localdb.OpenSnapshots(dir, env.Real())
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, again)
		c, ok := again.Current()
		if !ok || len(findings) > 0 {
			t.Fatalf("what was taken is not there after a restart: %+v", findings)
		}
		defer c.Release()
		if got := wire.Digest(c.Site(), c.Records...); got != digest || len(c.Index.Site().Validate()) > 0 {
			t.Errorf("after a restart: digest %s, want %s; faults %v", got, digest, c.Index.Site().Validate())
		}
	})
}

func take(t *testing.T, s *localdb.Snapshots, stream []byte) (digest string, err error) {
	t.Helper()
	r, err := wire.NewConfigReader(bytes.NewReader(stream))
	if err != nil {
		return "", err
	}
	b, err := s.Build(t.Context(), r, "fuzz")
	if err != nil {
		return "", err
	}
	return b.Digest(), s.Swap(b)
}

// lines are those of a stream, without its trailer.
func lines(t testing.TB, s *site.Site) string {
	t.Helper()
	z, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := z.DecodeAll(stream(t, s, version(1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:bytes.LastIndexByte(bytes.TrimSuffix(b, []byte("\n")), '\n')+1])
}

// mended is a stream of the lines, with the counts and checksums that they need.
func mended(text string) []byte {
	var b bytes.Buffer
	header, rest, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
	var h wire.ConfigHeader
	s := &site.Site{}
	headerErr := json.Unmarshal([]byte(header), &h)
	bare := h.Bare()
	s.Name, s.ReuseInOutage, s.MaxSessions, s.STAFailover = bare.Name, bare.ReuseInOutage, bare.MaxSessions, bare.STAFailover
	for line := range strings.SplitSeq(rest, "\n") {
		var o wire.ConfigObject
		if json.Unmarshal([]byte(line), &o) == nil && o.Kind() != "" {
			o.AddTo(s)
		}
	}
	h.Counts = wire.ConfigCounts(s)
	if counted, err := json.Marshal(h); err == nil && headerErr == nil {
		header = string(counted)
	}
	text = header + "\n" + rest + "\n"
	z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(64<<10))
	if err != nil {
		panic(err)
	}
	_, _ = z.Write([]byte(text + `{"trailer":{"sha256":"` + lineSum(text) + `","digest":"` + wire.Digest(s) + `"}}` + "\n"))
	_ = z.Close()
	return b.Bytes()
}

// What was saved in state.db is read as what it is, or refused; it can be saved
// again.
func FuzzSaved(f *testing.F) {
	f.Add(`{"number":7,"term":6,"mode":"ExtendedHA","force":{"by":"ops"},"since":"2026-01-01T00:00:00Z"}`, `18446744073709551615`, `"2026-01-01T00:00:00Z"`, `{"version":{"history":"h"},"connectors":[{"fqdn":"cc01"}]}`)
	f.Add(`{"number":-1}`, `1e3`, `"9999-12-31T23:59:59-23:59"`, `{"connectors":[{"fqdn":"a..b"}]}`)
	f.Add(`null`, ``, `""`, strings.Repeat("[", 11000))
	f.Add(`{"since":"0000-01-01T00:00:00+23:59"}`, "\x00", `{}`, `{"connectors":[null,{"fqdn":"`+strings.Repeat("x", 9000)+`"}]}`)
	state, err := localdb.OpenState(f.TempDir(), localdb.StateOptions{Env: env.Real(), Origin: "cc01.example.test"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = state.Close() })
	f.Fuzz(func(t *testing.T, record, highest, front, connectors string) {
		for key, value := range map[string]string{"record": record, "highest": highest, "front_activity": front, "connectors": connectors} {
			if err := localdb.SaveRaw(state, key, value); err != nil {
				t.Fatal(err)
			}
		}
		was, err := state.Load(t.Context())
		if err != nil {
			if len(err.Error()) > maxFault {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		for _, err := range []error{
			state.SaveRecord(t.Context(), was.Record, was.Highest), state.SaveFrontActivity(t.Context(), was.FrontActivity),
			state.SaveConnectors(t.Context(), was.Connectors),
		} {
			if err != nil {
				t.Errorf("what was read cannot be saved: %v", err)
			}
		}
		is, err := state.Load(t.Context())
		if err != nil || is.Record.Number != was.Record.Number || is.Highest != max(was.Highest, was.Record.Number, was.Record.Term) ||
			!is.FrontActivity.Equal(was.FrontActivity) || len(is.Connectors.Connectors) != len(was.Connectors.Connectors) {
			t.Errorf("saved and read again (%v):\nwas %+v\nis  %+v", err, was, is)
		}
	})
}

// A file of any bytes in place of a snapshot, or of the state, is refused. Where no CURRENT
// tells damage, one that says it is a newer version's is taken at its word.
func FuzzFiles(f *testing.F) {
	dir := f.TempDir()
	s, _, err := localdb.OpenSnapshots(dir, env.Real())
	if err != nil {
		f.Fatal(err)
	}
	install(f, s, version(1))
	whole := readFile(f, fileOf(f, dir, version(1)))
	shut(f, s)
	f.Add(0, []byte{0}, false)
	f.Add(18, []byte{9, 9}, false)
	f.Add(96, []byte{0xff, 0xff, 0xff, 0xff}, false)
	f.Add(62, []byte{0x30, 0x06}, false) // the version
	f.Add(4096, bytes.Repeat([]byte{0xff}, 64), false)
	f.Add(len(whole)/2, []byte(nil), true)
	f.Add(bytes.Index(whole, []byte("My Workstation")), []byte("MY"), false)
	f.Fuzz(func(t *testing.T, at int, patch []byte, cut bool) {
		if at < 0 || at > len(whole) {
			return
		}
		spoilt := bytes.Clone(whole)
		if cut {
			spoilt = spoilt[:at]
		} else {
			copy(spoilt[at:], patch)
		}
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "site-spoilt-1-x.db"), spoilt) // no CURRENT, so no checksum of the file
		s, findings, err := localdb.OpenSnapshots(dir, env.Real())
		if newer, ok := errors.AsType[*datadir.NewerError](err); ok && newer.Version > localdb.SnapshotSchema {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer shut(t, s)
		c, ok := s.Current()
		if !ok {
			if len(findings) != 1 || len(findings[0].Reason) > maxFault {
				t.Errorf("refused with %+v", findings)
			}
			return
		}
		defer c.Release()
		if got, want := wire.Digest(c.Index.Site()), wire.Digest(siteOf(version(1))); got != want {
			t.Errorf("a spoilt file is served with content %s, want %s", got, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "CURRENT")); err != nil && len(findings) > 0 {
			t.Errorf("%+v: %v", findings, err)
		}
	})
}
