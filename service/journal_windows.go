package service

import (
	"sync"

	"golang.org/x/sys/windows/svc/eventlog"
)

// journal is the event log under the name of the service. Before that is known, and
// where there is no event log, lines are lost: there is nobody to tell.
type journal struct {
	mu  sync.Mutex // guards log
	log *eventlog.Log
}

// FindJournal returns the event log of a process that Windows runs as a service; else nil.
func FindJournal() Journal {
	if current == nil {
		return nil
	}
	return current.journal
}

// open takes the name of the service from what Windows started it with.
func (j *journal) open(args []string) {
	if len(args) == 0 {
		return
	}
	log, err := eventlog.Open(args[0])
	if err != nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log = log
}

// Write adds a line to the event log.
func (j *journal) Write(kind Kind, number uint32, text string) error {
	j.mu.Lock()
	log := j.log
	j.mu.Unlock()
	switch {
	case log == nil:
		return nil
	case kind == Error:
		return log.Error(number, text)
	case kind == Warning:
		return log.Warning(number, text)
	}
	return log.Info(number, text)
}
