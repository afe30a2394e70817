package cli

import (
	"errors"
	"io"
	"testing"

	"github.com/sirupsen/logrus"

	"understudy/service"
)

type journalLine struct {
	kind   service.Kind
	number uint32
	text   string
}

// lines is a journal in memory.
type lines struct{ all []journalLine }

func (l *lines) Write(kind service.Kind, number uint32, text string) error {
	l.all = append(l.all, journalLine{kind, number, text})
	return nil
}

// Issue 6: in the event log "3502 shows its text": an event has its own number there, its
// severity as type, and its reason and fields for the place in its text.
func TestJournalHasEventsByNumber(t *testing.T) {
	var got lines
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	logger.AddHook(journalHook{&got})
	logger.WithFields(logrus.Fields{"event": "outage_began", "code": 3502, "reason": "nobody is healthy", "zone": "berlin"}).Warn("An outage began.")
	logger.WithField("code", 7).Info("no event")
	logger.WithError(errors.New("disk full")).Error("cannot write")
	logger.Debug("not for operators")
	want := []journalLine{
		{service.Warning, 3502, "nobody is healthy\nevent: outage_began\nzone: berlin"},
		{service.Information, service.PlainInformation, "no event"},
		{service.Error, service.PlainError, "cannot write\nerror: disk full"},
	}
	if len(got.all) != len(want) {
		t.Fatalf("got %v, want %v", got.all, want)
	}
	for i := range want {
		if got.all[i] != want[i] {
			t.Errorf("got %v, want %v", got.all[i], want[i])
		}
	}
}
