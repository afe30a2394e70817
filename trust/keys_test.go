package trust_test

import (
	"bytes"
	"strings"
	"testing"

	"understudy/trust"
)

// "StoreFront and gateways by … API key (stored hashed)".
func TestKeys(t *testing.T) {
	secret, err := trust.NewSecret(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil || len(secret) != 43 {
		t.Fatalf("got %q, %v; want 256 bits", secret, err)
	}
	keys, err := trust.ParseKeys([]byte("# front ends\n\nsf01 " + trust.HashOf(secret).String() + "\nadc " + trust.HashOf("another").String() + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for shown, want := range map[string]string{secret: "sf01", "another": "adc", "": "", secret[1:]: "", trust.HashOf(secret).String(): ""} {
		if got, known := keys.Holder(shown); got != want || known != (want != "") {
			t.Errorf("%q: got %q, %t; want %q", shown, got, known, want)
		}
	}
	if none, err := trust.ParseKeys([]byte("# all removed\n")); err != nil || len(none) != 0 {
		t.Errorf("got %v, %v; want no keys", none, err)
	}
}

// A key itself in the file is a fault that says how keys are made, and does not say the
// key.
func TestPlainKeysAreRefused(t *testing.T) {
	const plain = "0123456789abcdef0123456789abcdef"
	hash := trust.HashOf(plain).String()
	for text, want := range map[string]string{
		plain + "\n":                        "line 1: it is not NAME and a hash",
		"sf01 " + plain:                     "line 1: the second word is no hash",
		"sf01 " + hash[:20]:                 "line 1: the second word is no hash",
		"\nsf01 " + hash + "\nsf01 " + hash: `line 3: key "sf01" is there twice`,
	} {
		_, err := trust.ParseKeys([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), plain) {
			t.Errorf("got %v, want …%s… without the key", err, want)
		}
		if err != nil && !strings.Contains(want, "twice") && !strings.Contains(err.Error(), trust.MakeKeys) {
			t.Errorf("%v does not say how keys are made", err)
		}
	}
}
