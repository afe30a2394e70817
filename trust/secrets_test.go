package trust_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"io"
	"strings"
	"testing"

	"understudy/env"
	"understudy/trust"
)

// metered counts the random bytes that are taken.
type metered struct{ taken int }

// Read gives bytes that differ.
func (m *metered) Read(p []byte) (int, error) {
	for i := range p {
		m.taken++
		p[i] = byte(m.taken * 37)
	}
	return len(p), nil
}

// Tokens, tickets and leases are made of 160 random bits each, keys of 256, and all of
// them are in the text; what they are made of is the operating system's.
func TestSecretsAreLong(t *testing.T) {
	for name, c := range map[string]struct {
		draw func(io.Reader) (string, error)
		bits int
		of   func(string) ([]byte, error)
	}{
		"env.Token":       {func(r io.Reader) (string, error) { return env.Token(r), nil }, 160, func(s string) ([]byte, error) { return base32.StdEncoding.DecodeString(strings.ToUpper(s)) }},
		"trust.NewSecret": {trust.NewSecret, 256, base64.RawURLEncoding.DecodeString},
	} {
		var m, again metered
		text, err := c.draw(&m)
		if err != nil {
			t.Fatal(err)
		}
		drawn := make([]byte, m.taken)
		_, _ = again.Read(drawn)
		if is, err := c.of(text); err != nil || 8*m.taken != c.bits || !bytes.Equal(is, drawn) {
			t.Errorf("%s is %q of %d random bits (%v), want %d and all of them", name, text, 8*m.taken, err, c.bits)
		}
	}
	if source := env.Real().Rand("leases"); source != rand.Reader {
		t.Errorf("secrets are drawn from %T, not from the operating system", source)
	}
}
