package configsync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/site"
	configsync "understudy/sync"
	"understudy/wire"
)

// source answers as it is told.
type source struct {
	asked func(ctx context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error)
	etags []string
}

func (s *source) Configuration(ctx context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error) {
	s.etags = append(s.etags, ask.Digest)
	return s.asked(ctx, ask)
}

// built is a snapshot in memory.
type built struct {
	version   site.Version
	digest    string
	discarded bool
}

func (b *built) Version() site.Version { return b.version }
func (b *built) Digest() string        { return b.digest }
func (b *built) Discard()              { b.discarded = true }

// store keeps the snapshots in memory.
type store struct {
	current *built
	all     []*built
	refuse  error // what the next build or swap answers
	from    string
}

func (s *store) Build(_ context.Context, r *wire.ConfigReader, from string) (*built, error) {
	s.from = from
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			b := &built{version: r.Header().Version, digest: r.Digest()}
			s.all = append(s.all, b)
			return b, nil
		}
		if err != nil {
			return nil, fmt.Errorf("build: %w", err)
		}
	}
}

// BuildDelta refuses what does not begin at the version in use.
func (s *store) BuildDelta(_ context.Context, r *wire.ConfigReader, _ string) (*built, error) {
	_, err := r.ReadChanges()
	if err == nil && r.Header().Base != s.current.version {
		err = errors.New("the delta begins elsewhere")
	}
	if err != nil {
		return nil, err
	}
	b := &built{version: r.Header().Version, digest: r.Digest()}
	s.all = append(s.all, b)
	return b, nil
}

func (s *store) swap(_ context.Context, b *built) error {
	if s.refuse != nil {
		return s.refuse
	}
	s.current = b
	return nil
}

func (s *store) inUse() (site.Version, string) {
	if s.current == nil {
		return site.Version{}, ""
	}
	return s.current.version, s.current.digest
}

func version(n uint64) site.Version { return site.Version{History: "20260101T000000Z-abcd", Number: n} }

func stream(t testing.TB, n uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := wire.WriteConfig(&b, site.Generate(40, 20, n), version(n)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Where a peer takes changes first, that is no failure, and nothing is built.
func TestFollowsAPeer(t *testing.T) {
	st := &store{}
	src := &source{asked: func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) {
		return nil, "", fmt.Errorf("cc1: %w", configsync.ErrFollows)
	}}
	r := newSyncer(t, src, st).Sync(t.Context())
	if r.Outcome != configsync.Follows || !strings.Contains(r.Detail, "cc1") || len(st.all) != 0 {
		t.Errorf("got %+v", r)
	}
}

func newSyncer(t testing.TB, src configsync.Source, st *store) *configsync.Syncer[*built] {
	t.Helper()
	s, err := configsync.New(configsync.Options[*built]{
		Source: src, Store: st, Swap: st.swap, Current: st.inUse, From: "cloud", Site: "example", Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func body(b []byte) func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) {
	return func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) {
		return io.NopCloser(bytes.NewReader(b)), "", nil
	}
}

// LHC-01: "asks the cloud broker every 60 s whether the configuration changed, and
// imports it when it did." LHC-02: "Every import builds a new database instance."
func TestChangedIsImported(t *testing.T) {
	st := &store{}
	src := &source{}
	s := newSyncer(t, src, st)
	for n := range uint64(3) {
		src.asked = body(stream(t, n+1))
		if r := s.Sync(t.Context()); r.Outcome != configsync.Imported || r.Version != version(n+1) || r.Err != nil || r.Detail == "" {
			t.Fatalf("result %+v, want version %d imported", r, n+1)
		}
	}
	if len(st.all) != 3 || st.from != "cloud" {
		t.Errorf("%d snapshots from %q, want a new one each time", len(st.all), st.from)
	}
	want := fmt.Sprint([]string{"", st.all[0].digest, st.all[1].digest})
	if got := fmt.Sprint(src.etags); got != want {
		t.Errorf("asked with %s, want the digest in use: %s", got, want)
	}
}

// LHC-01: an unchanged configuration costs no body.
func TestUnchangedTransfersNoBody(t *testing.T) {
	content := stream(t, 1)
	sent := 0
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		n, _ := w.Write(content)
		sent += n
	}))
	defer cloud.Close()
	st := &store{}
	s := newSyncer(t, httpSource{cloud.Client(), cloud.URL}, st)
	if r := s.Sync(t.Context()); r.Outcome != configsync.Imported {
		t.Fatal(r)
	}
	for range 3 {
		if r := s.Sync(t.Context()); r.Outcome != configsync.Unchanged || r.Version != version(1) {
			t.Fatalf("result %+v, want unchanged", r)
		}
	}
	if sent != len(content) || len(st.all) != 1 {
		t.Errorf("%d bytes in %d builds, want the %d bytes of one", sent, len(st.all), len(content))
	}
}

type httpSource struct {
	client *http.Client
	url    string
}

func (h httpSource) Configuration(ctx context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url, nil)
	if err != nil {
		return nil, "", err
	}
	if ask.Digest != "" {
		r.Header.Set("If-None-Match", ask.Digest)
	}
	resp, err := h.client.Do(r)
	if err != nil {
		return nil, "", err
	}
	if resp.StatusCode == http.StatusNotModified {
		return nil, ask.Digest, resp.Body.Close()
	}
	return resp.Body, "", nil
}

// Whatever is wrong, the last good snapshot stays and the next sync tries again.
func TestFailureChangesNothing(t *testing.T) {
	whole := stream(t, 2)
	broken := errors.New("connection refused")
	var other bytes.Buffer
	foreign := site.Generate(5, 5, 1)
	foreign.Name = "another"
	if err := wire.WriteConfig(&other, foreign, version(2)); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		asked func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error)
		want  string
	}{
		"no answer":       {func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) { return nil, "", broken }, "connection refused"},
		"an empty body":   {body(nil), "unexpected EOF"},
		"HTML":            {body([]byte("<html>maintenance</html>")), "header of the configuration"},
		"half the stream": {body(whole[:len(whole)/2]), "unexpected EOF"},
		"another site":    {body(other.Bytes()), `of site "another"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			st := &store{current: &built{version: version(1), digest: "one"}}
			src := &source{asked: c.asked}
			s := newSyncer(t, src, st)
			r := s.Sync(t.Context())
			if r.Outcome != configsync.Failed || r.Err == nil || !strings.Contains(r.Detail, c.want) {
				t.Errorf("result %+v, want failed with %q", r, c.want)
			}
			if st.current.version != version(1) {
				t.Errorf("version %s is in use, want 1", st.current.version)
			}
			src.asked = body(whole)
			if r := s.Sync(t.Context()); r.Outcome != configsync.Imported || r.Version != version(2) {
				t.Errorf("the next sync: %+v", r)
			}
		})
	}
}

// Only a broken source says "unchanged" to somebody who has nothing.
func TestUnchangedWithoutASnapshot(t *testing.T) {
	src := &source{asked: func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) { return nil, "some", nil }}
	if r := newSyncer(t, src, &store{}).Sync(t.Context()); r.Outcome != configsync.Failed {
		t.Errorf("result %+v, want failed", r)
	}
}

// Nothing is swapped in HA mode: the result says so and the snapshot is dropped.
func TestDeferredInHAMode(t *testing.T) {
	st := &store{refuse: fmt.Errorf("swap: %w", configsync.ErrDeferred)}
	s := newSyncer(t, &source{asked: body(stream(t, 1))}, st)
	if r := s.Sync(t.Context()); r.Outcome != configsync.Deferred || r.Version != version(1) || !errors.Is(r.Err, configsync.ErrDeferred) {
		t.Errorf("result %+v, want deferred", r)
	}
	if !st.all[0].discarded || st.current != nil {
		t.Error("the snapshot is in use, or its file stays")
	}
	st.refuse = errors.New("disk full")
	if r := s.Sync(t.Context()); r.Outcome != configsync.Failed || !st.all[1].discarded {
		t.Errorf("result %+v, want failed and the file gone", r)
	}
	st.refuse = nil
	if r := s.Sync(t.Context()); r.Outcome != configsync.Imported {
		t.Errorf("result %+v, want imported when Normal is back", r)
	}
}

// A cloud broker that hangs, before or within its answer, holds a sync no longer
// than its timeout.
func TestHangingSourceIsBounded(t *testing.T) {
	whole := stream(t, 1)
	cases := map[string]func(ctx context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error){
		"no answer": func(ctx context.Context, _ wire.ConfigAsk) (io.ReadCloser, string, error) {
			<-ctx.Done()
			return nil, "", ctx.Err()
		},
		"no body": func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) { return hanging(nil), "", nil },
		"half of the body": func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) {
			return hanging(whole[:len(whole)/2]), "", nil
		},
	}
	for name, asked := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSyncer(t, &source{asked: asked}, &store{})
				began := time.Now()
				r := s.Sync(t.Context())
				if r.Outcome != configsync.Failed || !errors.Is(r.Err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
					t.Errorf("after %s: %+v, want failed at the deadline", time.Since(began), r)
				}
			})
		})
	}
}

// hanging gives that much and then nothing, until it is closed.
func hanging(b []byte) io.ReadCloser {
	ours, theirs := net.Pipe()
	go func() { _, _ = theirs.Write(b) }()
	return ours
}

// A stop of the service ends a sync at once.
func TestStopEndsASync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSyncer(t, &source{asked: func(context.Context, wire.ConfigAsk) (io.ReadCloser, string, error) { return hanging(nil), "", nil }}, &store{})
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan configsync.Result)
		go func() { results <- s.Sync(ctx) }()
		synctest.Wait()
		cancel()
		if r := <-results; r.Outcome != configsync.Failed || !errors.Is(r.Err, context.Canceled) {
			t.Errorf("result %+v, want that it was cancelled", r)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	whole := func() configsync.Options[*built] {
		st := &store{}
		return configsync.Options[*built]{Source: &source{}, Store: st, Swap: st.swap, Current: st.inUse}
	}
	cases := map[string]func(*configsync.Options[*built]){
		"Source":  func(o *configsync.Options[*built]) { o.Source = nil },
		"Store":   func(o *configsync.Options[*built]) { o.Store = nil },
		"Swap":    func(o *configsync.Options[*built]) { o.Swap = nil },
		"Current": func(o *configsync.Options[*built]) { o.Current = nil },
		"Timeout": func(o *configsync.Options[*built]) { o.Timeout = -1 },
	}
	for field, spoil := range cases {
		o := whole()
		spoil(&o)
		if _, err := configsync.New(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v, want one that names %s", err, field)
		}
	}
	if _, err := configsync.New(whole()); err != nil {
		t.Error(err)
	}
}

func deltaStream(t testing.TB, from, to uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	next := site.Generate(40, 20, to)
	d := wire.Delta{Base: version(from), Version: version(to), Digest: wire.Digest(next), Changes: wire.Changes(site.Generate(40, 20, from), next)}
	if err := wire.WriteDelta(&b, d, next); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// NEW-06: a connector says which version it has, and what changed is enough. Where
// that does not fit, the whole configuration is fetched in the same sync.
func TestDelta(t *testing.T) {
	cases := map[string]struct {
		delta   []byte
		wantErr string
	}{
		"fits":      {deltaStream(t, 1, 2), ""},
		"elsewhere": {deltaStream(t, 7, 2), "begins elsewhere"},
		"cut":       {deltaStream(t, 1, 2)[:200], "unexpected EOF"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			st := &store{current: &built{version: version(1), digest: "one"}}
			var asks []wire.ConfigAsk
			src := &source{asked: func(ctx context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error) {
				asks = append(asks, ask)
				if ask.Since.IsZero() {
					return body(stream(t, 2))(ctx, ask)
				}
				return body(c.delta)(ctx, ask)
			}}
			r := newSyncer(t, src, st).Sync(t.Context())
			if r.Outcome != configsync.Imported || r.Version != version(2) || st.current.version != version(2) {
				t.Errorf("result %+v, want 2 imported", r)
			}
			if asks[0].Since != version(1) || r.Delta != (c.wantErr == "") {
				t.Errorf("asked %+v, delta %t", asks, r.Delta)
			}
			if (r.NoDelta == nil) != (c.wantErr == "") || r.NoDelta != nil && !strings.Contains(r.NoDelta.Error(), c.wantErr) {
				t.Errorf("no delta because %v, want %q", r.NoDelta, c.wantErr)
			}
		})
	}
}

// A version that is held back is neither fetched again nor taken for the one in use.
func TestHeldBack(t *testing.T) {
	st := &store{current: &built{version: version(1), digest: "one"}, refuse: fmt.Errorf("loses most machines: %w", configsync.ErrHeld)}
	src := &source{asked: body(stream(t, 2))}
	s := newSyncer(t, src, st)
	if r := s.Sync(t.Context()); r.Outcome != configsync.Held || r.Version != version(2) || !st.all[0].discarded {
		t.Errorf("result %+v, want 2 held", r)
	}
	held, err := configsync.New(configsync.Options[*built]{
		Source: &source{asked: func(_ context.Context, ask wire.ConfigAsk) (io.ReadCloser, string, error) {
			return nil, ask.Tags()[1], nil
		}},
		Store: st, Swap: st.swap, Current: st.inUse, Known: func() []string { return []string{"two"} },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r := held.Sync(t.Context()); r.Outcome != configsync.Held || !errors.Is(r.Err, configsync.ErrHeld) {
		t.Errorf("result %+v, want held without a body", r)
	}
}
