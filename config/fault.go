package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a file.
type Fault struct {
	// Line counts from 1; 0 means that the fault has no line.
	Line int `json:"line,omitempty"`
	// Path is the key, such as "machines[3].zone"; empty means the file as a whole.
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

// FileError holds everything that is wrong with a file.
type FileError struct {
	File   string
	Faults []Fault
}

// Error prints one fault a line, as compilers do.
func (e *FileError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = e.line(f)
	}
	return strings.Join(lines, "\n")
}

func (e *FileError) line(f Fault) string {
	var b strings.Builder
	b.WriteString(e.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Text)
	return b.String()
}

// fileError is nil without faults. They are put into the order of the file.
func fileError(file string, faults []Fault) error {
	if len(faults) == 0 {
		return nil
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
	return &FileError{File: file, Faults: faults}
}
