package sim

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
)

// trace gathers what the processes log and what the run sees.
type trace struct {
	began time.Time
	// heard is called for each line that a process logs.
	heard func(who string, fields logrus.Fields)

	mu    sync.Mutex // guards what follows
	lines []Line
	over  bool
}

// add notes one line of now.
func (tr *trace) add(who, text string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.over {
		return
	}
	tr.lines = append(tr.lines, Line{At: time.Since(tr.began), Who: who, Text: text})
}

// close ends the trace: what follows is only how the run is taken down.
func (tr *trace) close() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.over = true
}

// sorted returns the lines in an order that does not depend on who was first
// within one instant.
func (tr *trace) sorted() []Line {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	lines := slices.Clone(tr.lines)
	slices.SortStableFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Who, b.Who), strings.Compare(a.Text, b.Text))
	})
	return lines
}

// logger makes the logger of a process: what it says becomes lines of the trace.
// What is said after alive has ended is the last of a process that has crashed.
func (tr *trace) logger(who string, alive func() bool) *logrus.Logger {
	l := logrus.New()
	l.SetOutput(io.Discard)
	l.SetFormatter(silent{})
	l.AddHook(hook{tr, who, alive})
	return l
}

// silent formats nothing: the hook has the entry already.
type silent struct{}

// Format returns nothing.
func (silent) Format(*logrus.Entry) ([]byte, error) { return nil, nil }

type hook struct {
	trace *trace
	who   string
	alive func() bool
}

// Levels are those that an operator sees.
func (hook) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel}
}

// Fire takes one line down.
func (h hook) Fire(e *logrus.Entry) error {
	if !h.alive() {
		return nil
	}
	h.trace.add(h.who, lineOf(e))
	if h.trace.heard != nil {
		h.trace.heard(h.who, e.Data)
	}
	return nil
}

// said are the fields that every line of a process has in common.
var said = map[string]bool{"event": true, "reason": true, "connector": true, "zone": true, "code": true, "site": true}

func lineOf(e *logrus.Entry) string {
	return sameThing.Replace(describeLine(e))
}

// sameThing makes one word of those that net/http has for a lost connection, of the cloud
// broker too: which of its goroutines finds out first decides.
var sameThing = strings.NewReplacer(
	"http2: client conn is closed", connectionLost,
	"http2: response body closed", connectionLost,
	"read tcp "+cloudIP+":"+cloudPort+": connection reset by peer", connectionLost,
)

const connectionLost = "http2: client connection lost"

func describeLine(e *logrus.Entry) string {
	var b strings.Builder
	if name, ok := e.Data["event"]; ok {
		fmt.Fprint(&b, name)
	} else {
		b.WriteString(e.Message)
	}
	if reason, ok := e.Data["reason"]; ok && reason != "" {
		fmt.Fprintf(&b, ": %v", reason)
	}
	var keys []string
	for key := range e.Data {
		if !said[key] {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		if v := fmt.Sprint(e.Data[key]); v != "" {
			fmt.Fprintf(&b, " %s=%s", key, v)
		}
	}
	return b.String()
}
