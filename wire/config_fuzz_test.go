package wire_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"understudy/site"
	"understudy/wire"
)

// maxErrorText bounds what an error of a stream says; it goes to the log and the
// status page.
const maxErrorText = 2 * wire.MaxDetail

// mended gives lines the checksums that they need to be read on; the counts too
// when the header can be read.
func mended(lines string) string {
	lines = strings.TrimSuffix(lines, "\n")
	header, rest, _ := strings.Cut(lines, "\n")
	var h wire.ConfigHeader
	s := &site.Site{}
	if json.Unmarshal([]byte(header), &h) == nil {
		bare := h.Bare()
		s.Name, s.ReuseInOutage, s.MaxSessions, s.STAFailover = bare.Name, bare.ReuseInOutage, bare.MaxSessions, bare.STAFailover
	}
	for line := range strings.SplitSeq(rest, "\n") {
		var o wire.ConfigObject
		if json.Unmarshal([]byte(line), &o) == nil && o.Kind() != "" {
			o.AddTo(s)
		}
	}
	if h.Schema != "" {
		h.Counts = wire.ConfigCounts(s)
		text, err := json.Marshal(h)
		if err == nil {
			lines = string(text) + "\n" + rest
		}
	}
	return withSums(strings.TrimSuffix(lines, "\n")+"\n", wire.Digest(s))
}

func withSums(lines, digest string) string {
	sum := sha256.Sum256([]byte(lines))
	return lines + `{"trailer":{"sha256":"` + hex.EncodeToString(sum[:]) + `","digest":"` + digest + `"}}` + "\n"
}

// withoutTrailer is what mended takes.
func withoutTrailer(lines string) string {
	at := strings.LastIndex(strings.TrimSuffix(lines, "\n"), "\n")
	return lines[:at+1]
}

func newestSite() *site.Site {
	s := site.Generate(6, 8, 3)
	s.Name = "example"
	return s
}

// LHC-01: "a truncated stream or a wrong checksum" is refused. A stream that is
// taken holds exactly what a stream written of it holds.
func FuzzConfigLines(f *testing.F) {
	lines := plain(f, stream(f, smallSite()))
	f.Add(lines, false)
	f.Add(lines[:len(lines)-3], false)
	f.Add(strings.Replace(lines, "vda1", "vda9", 1), false)
	f.Add(strings.Replace(lines, `"number":7`, `"number":8`, 1), false)
	f.Add(lines+"{}\n", false)
	f.Add(strings.Replace(lines, `{"trailer":`, `{"zone":{"name":"x"},"trailer":`, 1), false)
	f.Add(withoutTrailer(plain(f, stream(f, newestSite()))), true)
	f.Add(withoutTrailer(strings.Replace(lines, `"1.2"`, `"1.9"`, 1))+`{"later":{"a":1}}`+"\n", true)
	f.Add(strings.Replace(withoutTrailer(lines), `"capacity":1`, `"capacity":9223372036854775808`, 1), true)
	f.Add(strings.Replace(withoutTrailer(lines), "alice", `\ud800\u0000`+"\xff", 1), true)
	f.Add(strings.Replace(withoutTrailer(lines), `"zones":["berlin","paris"]`, `"zones":["berlin"],"zones":[null,"a"]`, 1), true)
	f.Add(`{"schema":"1.0","site":"x"}`+"\n"+strings.Repeat("[", 30000), true)
	f.Add(`{"schema":"1.0","site":"x","`+strings.Repeat("y", 9000)+`":1}`, true)
	f.Add(`{"schema":"`+strings.Repeat("1", 9000)+`"}`, true)
	f.Fuzz(func(t *testing.T, lines string, mend bool) {
		if mend {
			lines = mended(lines)
		}
		if checkStream(t, fastZstd(t, []byte(lines))) {
			checkTrailer(t, lines)
		}
	})
}

// checkTrailer: what was taken ends in the checksum of all before it, and nothing
// else on that line.
func checkTrailer(t *testing.T, lines string) {
	t.Helper()
	before := withoutTrailer(lines)
	sum := sha256.Sum256([]byte(before))
	var last struct {
		wire.ConfigObject
		Trailer struct {
			SHA256 string `json:"sha256"`
		} `json:"trailer"`
	}
	err := json.Unmarshal([]byte(lines[len(before):]), &last)
	if err != nil || last.Trailer.SHA256 != hex.EncodeToString(sum[:]) || !reflect.ValueOf(last.ConfigObject).IsZero() {
		t.Errorf("taken with the trailer %.300q (%v)", lines[len(before):], err)
	}
}

// fastZstd compresses as WriteConfig does.
func fastZstd(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(64<<10))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

// checkStream reads a stream and holds what it took to what can be written of it.
func checkStream(t *testing.T, stream []byte) (taken bool) {
	t.Helper()
	s, header, digest, err := readStream(stream)
	if err != nil {
		if len(err.Error()) > maxErrorText {
			t.Errorf("the error has %d bytes: %.200q", len(err.Error()), err)
		}
		return false
	}
	if got := wire.Digest(s); got != digest {
		t.Errorf("the digest of what was taken is %s, the reader says %s", got, digest)
	}
	for kind, n := range wire.ConfigCounts(s) {
		if header.Counts[kind] != n {
			t.Errorf("%d %s were taken, the header says %d", n, kind, header.Counts[kind])
		}
	}
	var b bytes.Buffer
	if err := wire.WriteConfig(&b, s, header.Version); err != nil {
		t.Fatalf("what was taken cannot be written: %v", err)
	}
	again, header2, digest2, err := readStream(b.Bytes())
	if err != nil {
		t.Fatalf("what was written cannot be read: %v", err)
	}
	if digest2 != digest || header2.Version != header.Version {
		t.Errorf("written again: digest %s, version %s; want %s, %s", digest2, header2.Version, digest, header.Version)
	}
	byText := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(s, again, cmpopts.EquateEmpty(), byText); diff != "" {
		t.Errorf("written and read again (-was +is):\n%s", diff)
	}
	return true
}

func readStream(stream []byte) (*site.Site, wire.ConfigHeader, string, error) {
	c, err := wire.NewConfigReader(bytes.NewReader(stream))
	if err != nil {
		return nil, wire.ConfigHeader{}, "", err
	}
	s := c.Header().Bare()
	for {
		o, err := c.Next()
		if err == io.EOF { //nolint:errorlint // the reader promises this value itself
			return s, c.Header(), c.Digest(), nil
		}
		if err != nil {
			return nil, wire.ConfigHeader{}, "", err
		}
		o.AddTo(s)
	}
}

// A stream of any bytes ends in a site or in an error, whatever it would grow to.
func FuzzConfigBytes(f *testing.F) {
	good := stream(f, smallSite())
	f.Add(good)
	f.Add(good[:len(good)/2])
	short := strings.Replace(withoutTrailer(plain(f, good)), `"machines":2`, `"machines":3`, 1)
	f.Add(fastZstd(f, []byte(withSums(short, wire.Digest(smallSite())))))
	f.Add(append(bytes.Clone(good), good...))
	f.Add(fastZstd(f, make([]byte, 16<<20)))
	f.Add(fastZstd(f, bytes.Repeat([]byte("{}\n"), 1<<20)))
	f.Fuzz(func(t *testing.T, b []byte) { checkStream(t, b) })
}
