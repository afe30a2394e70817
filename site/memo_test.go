package site_test

import (
	"fmt"
	"sync"
	"testing"

	"understudy/site"
)

// However many ask at once for the first time, each gets the text whole, and later ones
// get what was kept.
func TestMemo(t *testing.T) {
	text := func() []byte { return fmt.Append(nil, "the text") }
	for range 2000 {
		var m site.Memo
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 4 {
			all.Go(func() {
				<-begin
				if got := m.Text(text); string(got) != "the text" {
					t.Errorf("got %q", got)
				}
			})
		}
		close(begin)
		all.Wait()
		if got := m.Text(func() []byte { return []byte("another") }); string(got) != "the text" {
			t.Fatalf("later: got %q", got)
		}
	}
}
