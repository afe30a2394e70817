package doctor

import "golang.org/x/sys/windows"

// stillActive is the exit code of a process that has not ended.
const stillActive = 259

// runs reports whether there is a process of that number.
func runs(pid int) bool {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var code uint32
	return windows.GetExitCodeProcess(h, &code) == nil && code == stillActive
}

// modesCount says that file modes mean what they say: here access lists do.
const modesCount = false

// ownDescriptors: Windows has no such limit.
func ownDescriptors() (limit int, known bool) { return 0, false }
