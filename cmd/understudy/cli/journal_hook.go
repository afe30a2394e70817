package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sirupsen/logrus"

	"understudy/service"
)

// journalHook writes the log's lines into the journal of the service manager. An event
// has its own number there, under which the program's message table has its text; its
// reason and its fields are what is inserted.
type journalHook struct{ to service.Journal }

// Levels leaves out what is for finding faults.
func (journalHook) Levels() []logrus.Level {
	return []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel, logrus.InfoLevel}
}

// Fire writes a line.
func (h journalHook) Fire(e *logrus.Entry) error {
	kind, number := service.Information, service.PlainInformation
	switch {
	case e.Level <= logrus.ErrorLevel:
		kind, number = service.Error, service.PlainError
	case e.Level == logrus.WarnLevel:
		kind, number = service.Warning, service.PlainWarning
	}
	text := e.Message
	if code, ok := e.Data["code"].(int); ok && e.Data["event"] != nil {
		number, text = uint32(code), fmt.Sprint(e.Data["reason"]) //nolint:gosec // the catalogue's own
	}
	return h.to.Write(kind, number, text+others(e.Data))
}

// others are the fields that the text does not have, one a line.
func others(data logrus.Fields) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if name != "code" && name != "reason" {
			fmt.Fprintf(&text, "\n%s: %v", name, data[name])
		}
	}
	return text.String()
}
