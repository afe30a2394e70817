//go:build !windows

package service

import (
	"context"
	"io"
)

// Main runs a process: here a service manager starts it as a shell does.
func Main(ctx context.Context, stderr io.Writer, run func(context.Context, io.Writer) int) int {
	return run(ctx, stderr)
}

// ThisHost is where services are installed.
func ThisHost() (Host, error) { return nil, ErrNotHere }

// FindJournal returns the event log of a process that Windows runs as a service; else nil.
func FindJournal() Journal { return nil }

// Reloads tells when the service manager asks for a reload; nil: by a signal.
func Reloads() <-chan struct{} { return nil }

// DefaultFolder is where the files of services are, as a rule.
func DefaultFolder() string { return "/etc/understudy" }
