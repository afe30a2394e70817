package datadir

import "fmt"

// NewerError says that a newer version of this program wrote a file, so that this one
// leaves all of the folder as it is.
type NewerError struct {
	File string
	// Version is that of the file's format, Known the highest that this program reads.
	Version, Known int
	// Remedy is what else an operator can do than to start the newer version again.
	Remedy string
}

// Error names the file, both versions and what to do.
func (e *NewerError) Error() string {
	text := fmt.Sprintf("%s was written by a newer version of understudy: its format is %d, and this version reads up to %d; nothing was changed. "+
		"Start the newer version again", e.File, e.Version, e.Known)
	if e.Remedy != "" {
		text += ", or " + e.Remedy
	}
	return text
}
