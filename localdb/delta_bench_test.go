package localdb_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// BenchmarkDelta: NEW-06: what a sync transfers and decodes grows with the change.
// A change of 1 % of 100,000 machines, beside the import of the whole in the same
// run: all of it at most 0.35, transfer and decoding at most 0.05.
func BenchmarkDelta(b *testing.B) {
	now := site.Generate(100_000, 50_000, 1)
	next := changed(now, rand.New(rand.NewPCG(1, 1)), 100)
	s := start(b, b.TempDir(), now)
	whole := stream(b, next, version(2))
	var delta bytes.Buffer
	d := wire.Delta{Base: version(1), Version: version(2), Digest: wire.Digest(next), Changes: wire.Changes(now, next)}
	if err := wire.WriteDelta(&delta, d, next); err != nil {
		b.Fatal(err)
	}
	var all, part, decodeAll, decodePart time.Duration
	for b.Loop() {
		all += built(b, s, whole, false)
		part += built(b, s, delta.Bytes(), true)
		decodeAll += took(func() { decode(b, whole) })
		decodePart += took(func() { decode(b, delta.Bytes()) })
	}
	b.ReportMetric(float64(part)/float64(all), "of-import")
	b.ReportMetric(float64(decodePart)/float64(decodeAll), "of-decoding")
	b.ReportMetric(float64(delta.Len())/float64(len(whole)), "of-transfer")
	b.ReportMetric(part.Seconds()*1000/float64(b.N), "delta-ms")
	b.ReportMetric(all.Seconds()*1000/float64(b.N), "import-ms")
}

func took(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}

func built(b *testing.B, s *localdb.Snapshots, content []byte, delta bool) time.Duration {
	b.Helper()
	return took(func() {
		r, err := wire.NewConfigReader(bytes.NewReader(content))
		if err != nil {
			b.Fatal(err)
		}
		build := s.Build
		if delta {
			build = s.BuildDelta
		}
		made, err := build(b.Context(), r, "bench")
		if err != nil {
			b.Fatal(err)
		}
		made.Discard()
	})
}

func decode(b *testing.B, content []byte) {
	b.Helper()
	r, err := wire.NewConfigReader(bytes.NewReader(content))
	if err == nil && r.IsDelta() {
		_, err = r.ReadChanges()
	} else if err == nil {
		_, _, err = wire.ReadConfig(bytes.NewReader(content))
	}
	if err != nil {
		b.Fatal(err)
	}
}
