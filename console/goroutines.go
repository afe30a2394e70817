package console

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"runtime/pprof"

	"understudy/wire"
)

// maxStacks bounds the text of a dump.
const maxStacks = 1 << 20

// goroutines says what the process is doing: how many goroutines are at the same place, and
// by which calls they got there. Equal ones are counted, so that ten thousand connections are
// a line; values are not in it, so that no secret is.
func (*Console) goroutines(w http.ResponseWriter, _ *http.Request) {
	var text bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&text, 1); err != nil {
		wire.WriteError(w, fmt.Errorf("dump the goroutines: %w", err))
		return
	}
	text.Truncate(min(text.Len(), maxStacks))
	wire.WriteJSON(w, http.StatusOK, wire.Goroutines{Count: runtime.NumGoroutine(), Stacks: text.String()})
}
