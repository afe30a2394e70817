//go:build !linux && !windows

package service

import "time"

// nobody is no service manager.
type nobody struct{}

func findChannel() (channel, error) { return nobody{}, nil }

func (nobody) managed() bool           { return false }
func (nobody) watchdog() time.Duration { return 0 }
func (nobody) tell(notice) error       { return nil }
