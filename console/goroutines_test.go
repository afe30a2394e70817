package console_test

import (
	"strings"
	"testing"

	"understudy/wire"
)

// parked has secrets in all that a stack could show of it: its arguments and variables.
func parked(token string, key []byte, until chan struct{}) {
	<-until
	_ = append(key, token...)
}

// "Stacks hold no secrets": the dump names functions and lines, and no values.
func TestGoroutinesHoldNoSecrets(t *testing.T) {
	secret, key := "planted-token-0001", []byte("planted-key-0002")
	until, ended := make(chan struct{}), make(chan struct{})
	go func() { defer close(ended); parked(secret, key, until) }()
	defer func() { close(until); <-ended }()
	c := newClient(t, "http://"+serve(t, "tcp", &story{}), token)
	var dump wire.Goroutines
	for !strings.Contains(dump.Stacks, "console_test.parked") {
		var err error
		if dump, err = c.Goroutines(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if dump.Count < 2 {
		t.Errorf("it counts %d", dump.Count)
	}
	for _, value := range []string{"planted", "(0x", "{0x"} {
		if strings.Contains(dump.Stacks, value) {
			t.Errorf("values are in the stacks: %s", value)
		}
	}
}
