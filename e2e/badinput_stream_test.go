//go:build linux

package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"understudy/events"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// configured spoils configurations only.
func configured(does mischief) mischief {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/configuration") && does(w, r)
	}
}

// "A truncated, corrupted or newer-major configuration stream: the sync fails with
// an event, the last good snapshot stays, the next sync tries again" (LHC-02). A
// stream that stalls holds up no sync for longer than any other silence.
func TestSpoiledConfiguration(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	m := newImpostor(t, s)
	s.up()
	for _, c := range []struct {
		name string
		does mischief
		says string
	}{
		{"truncated", s.streamed(cut), "EOF"},
		{"corrupted on the way", s.streamed(flip), ""},
		{"another object inside", s.streamed(rewrite("Office", "Orifice")), "SHA-256"},
		{"no trailer", s.streamed(rewrite(`{"trailer"`, `{"trailler"`)), ""},
		{"newer major schema", s.streamed(rewrite(`"schema":"1.`, `"schema":"2.`)), "schema"},
		{"another site", s.streamed(rewrite(`"site":"example"`, `"site":"another"`)), "another"},
		{"empty", s.streamed(func([]byte) []byte { return nil }), ""},
		{"500", fail500, "500"},
		{"HTML", captive, "text/html"},
		{"hangs", hang, "no answer within 1s"},
		{"stalls", s.stalled, "nothing came for 1s"},
	} {
		t.Run(c.name, func(t *testing.T) { s.trySpoiled(t, m, configured(c.does), c.says) })
	}
	s.launches("alice", "desktop:office")
}

func (s *stand) trySpoiled(t *testing.T, m *impostor, does mischief, says string) {
	t.Helper()
	cc := s.zone[0]
	before := cc.version()
	m.misbehave(does)
	s.apply()
	status := cc.admin().Shows(step, "a failed sync", func(v wire.Status) error {
		if v.Sync.Outcome != "failed" || !strings.Contains(v.Sync.Detail, says) {
			return fmt.Errorf("sync %+v, want it failed with %q", v.Sync, says)
		}
		return nil
	})
	if status.Snapshot == nil || status.Snapshot.Version != before || status.State != zone.Normal {
		t.Errorf("got snapshot %+v in %s, want version %s still, in Normal", status.Snapshot, status.State, before)
	}
	cc.raised(events.SyncFailed, says)
	m.behave()
	cc.takes(t, before)
}

// takes waits until the connector uses a newer version than that.
func (u *unit) takes(t *testing.T, before site.Version) {
	t.Helper()
	u.admin().Shows(step, "a newer version than "+before.String(), func(v wire.Status) error {
		if v.Snapshot == nil || v.Snapshot.Version.Compare(before) <= 0 || v.Sync.Outcome == "failed" {
			return fmt.Errorf("snapshot %+v, sync %+v", v.Snapshot, v.Sync)
		}
		return nil
	})
}

// streamed answers with the real configuration, spoiled.
func (s *stand) streamed(spoil func([]byte) []byte) mischief {
	return func(w http.ResponseWriter, r *http.Request) bool {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.cloud.url(7443)+r.URL.Path, nil)
		if err != nil {
			return false
		}
		req.Header.Set("Authorization", r.Header.Get("Authorization"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return false
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.Header().Set("ETag", resp.Header.Get("ETag"))
		_, _ = w.Write(spoil(body))
		return true
	}
}

// stalled sends the first part of the real configuration, and then nothing.
func (s *stand) stalled(w http.ResponseWriter, r *http.Request) bool {
	s.streamed(cut)(flushing{w}, r)
	return hang(w, r)
}

// flushing sends what is written at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(f.ResponseWriter).Flush())
}

func cut(stream []byte) []byte { return stream[:len(stream)/2] }

func flip(stream []byte) []byte {
	stream[len(stream)/2] ^= 0x10
	return stream
}

// rewrite changes what is inside of the compression.
func rewrite(from, to string) func([]byte) []byte {
	return func(stream []byte) []byte {
		reader, err := zstd.NewReader(bytes.NewReader(stream))
		if err != nil {
			return nil
		}
		defer reader.Close()
		var plain, out bytes.Buffer
		writer, err := zstd.NewWriter(&out)
		if _, copied := plain.ReadFrom(reader); err != nil || copied != nil {
			return nil
		}
		_, err = writer.Write(bytes.Replace(plain.Bytes(), []byte(from), []byte(to), 1))
		if errors.Join(err, writer.Close()) != nil {
			return nil
		}
		return out.Bytes()
	}
}
