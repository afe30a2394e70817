package service_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// Issue 6: "an event-log source with a message table in the exe (so that 3502 shows its
// text)": as the event viewer asks for it.
func TestProgramHasTheTextsOfEvents(t *testing.T) {
	program := os.Getenv("UNDERSTUDY_EXE")
	if program == "" {
		t.Skip("UNDERSTUDY_EXE names no program: go build one, and name it")
	}
	module, err := windows.LoadLibraryEx(program, 0, windows.LOAD_LIBRARY_AS_DATAFILE)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.FreeLibrary(module) //nolint:errcheck // a test
	for number, want := range map[uint32]string{
		1: "%1", 3502: "An outage began: the elected secondary broker serves.\r\n\r\n%1", 504: "was imported", 100: "The service is running.",
	} {
		text := make([]uint16, 4096)
		n, err := windows.FormatMessage(windows.FORMAT_MESSAGE_FROM_HMODULE|windows.FORMAT_MESSAGE_IGNORE_INSERTS, uintptr(module), number, 0, text, nil)
		if got := windows.UTF16ToString(text[:n]); err != nil || !strings.Contains(got, want) {
			t.Errorf("%d shows %q (%v), want %q", number, got, err, want)
		}
	}
}
