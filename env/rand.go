package env

import (
	"encoding/base32"
	"encoding/binary"
	"io"
	"time"
)

// Token returns 160 unguessable bits as 32 lower-case characters. It panics if
// the random source fails, because nothing safe can be done without one.
func Token(r io.Reader) string {
	var b [20]byte
	mustRead(r, b[:])
	var text [32]byte
	return string(encoding.AppendEncode(text[:0], b[:]))
}

// Short returns n (at most 16) random lower-case characters, for names that must
// differ but need not be secret.
func Short(r io.Reader, n int) string {
	var b [10]byte
	mustRead(r, b[:])
	return encoding.EncodeToString(b[:])[:n]
}

var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Jitter returns d changed by at most the given fraction of it, either way.
func Jitter(r io.Reader, d time.Duration, fraction float64) time.Duration {
	return d + time.Duration(float64(d)*fraction*(2*unit(r)-1))
}

// Shuffle puts s into random order.
func Shuffle[T any](r io.Reader, s []T) {
	for i := len(s) - 1; i > 0; i-- {
		j := int(unit(r) * float64(i+1))
		s[i], s[j] = s[j], s[i]
	}
}

func unit(r io.Reader) float64 {
	var b [8]byte
	mustRead(r, b[:])
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

func mustRead(r io.Reader, b []byte) {
	if _, err := io.ReadFull(r, b); err != nil {
		panic("env: the random source failed: " + err.Error())
	}
}
