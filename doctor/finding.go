package doctor

import (
	"fmt"
	"strings"
	"time"
)

// Result is how a check ended.
type Result string

// The results, the best first.
const (
	OK      Result = "ok"
	Skipped Result = "skipped"
	Warning Result = "warning"
	Error   Result = "error"
)

// Finding is what one check found.
type Finding struct {
	// Check is the kind of check, About what was looked at.
	Check  string `json:"check"`
	About  string `json:"about"`
	Result Result `json:"result"`
	// Name is that of a row of the catalogue; empty where nothing is wrong.
	Name   string `json:"name,omitempty"`
	Detail string `json:"detail"`
	// Remedy is what to do.
	Remedy string `json:"remedy,omitempty"`
}

// Report is what was found on one host.
type Report struct {
	Kind string    `json:"kind"`
	File string    `json:"file"`
	At   time.Time `json:"at"`
	// Running says that the process runs, so this is a diagnosis and no preflight.
	Running  bool      `json:"running"`
	Errors   int       `json:"errors"`
	Warnings int       `json:"warnings"`
	Findings []Finding `json:"findings"`
}

// Faulty reports whether the configuration itself cannot be used.
func (r Report) Faulty() bool {
	for _, f := range r.Findings {
		if f.Name == configFault {
			return true
		}
	}
	return false
}

func (r *Report) count() {
	for _, f := range r.Findings {
		switch f.Result {
		case Error:
			r.Errors++
		case Warning:
			r.Warnings++
		case OK, Skipped:
		}
	}
}

// places fill the gaps of a remedy, such as {path}.
type places map[string]string

// found is a finding of the catalogue.
func found(name, about, detail string, p places) Finding {
	k := kindOf(name)
	remedy := k.Remedy
	for gap, value := range p {
		remedy = strings.ReplaceAll(remedy, "{"+gap+"}", value)
	}
	return Finding{Check: k.Check, About: about, Result: k.Result, Name: name, Detail: detail, Remedy: remedy}
}

func fine(check, about, format string, args ...any) Finding {
	return Finding{Check: check, About: about, Result: OK, Detail: fmt.Sprintf(format, args...)}
}

func skipped(check, about, why string) Finding {
	return Finding{Check: check, About: about, Result: Skipped, Detail: why}
}
