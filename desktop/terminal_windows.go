package desktop

import (
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/windows"
)

// What WTSQuerySessionInformation is asked for.
const (
	infoUser   = 5
	infoDomain = 7
)

// What Windows keeps of a restart: it is planned, and by an application.
const restartReason = windows.SHTDN_REASON_MAJOR_APPLICATION | windows.SHTDN_REASON_FLAG_PLANNED

// thisServer is the host itself for Remote Desktop Services.
const thisServer = windows.Handle(0)

// wts are Remote Desktop Services, with those calls that x/sys lacks.
type wts struct {
	query, logOff, disconnectFrom *windows.LazyProc
}

func thisTerminals() (terminals, error) {
	dll := windows.NewLazySystemDLL("wtsapi32.dll")
	return &wts{
		query: dll.NewProc("WTSQuerySessionInformationW"), logOff: dll.NewProc("WTSLogoffSession"),
		disconnectFrom: dll.NewProc("WTSDisconnectSession"),
	}, nil
}

// list leaves out sessions of nobody, such as those of services and listeners.
func (w *wts) list() ([]terminal, error) {
	var first *windows.WTS_SESSION_INFO
	var count uint32
	if err := windows.WTSEnumerateSessions(thisServer, 0, 1, &first, &count); err != nil {
		return nil, err
	}
	if first == nil {
		return nil, nil
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(first)))
	var found []terminal
	for _, s := range unsafe.Slice(first, count) {
		user, err := w.user(s.SessionID)
		if err != nil {
			return nil, fmt.Errorf("ask whose session %d is: %w", s.SessionID, err)
		}
		if user != "" {
			found = append(found, terminal{s.SessionID, Presence{User: user, Connected: s.State == windows.WTSActive}})
		}
	}
	return found, nil
}

// user is a session's user with their domain.
func (w *wts) user(id uint32) (string, error) {
	user, err := w.text(id, infoUser)
	if err != nil || user == "" {
		return "", err
	}
	domain, err := w.text(id, infoDomain)
	if err != nil || domain == "" {
		return user, err
	}
	return domain + `\` + user, nil
}

// text asks; a session that has gone meanwhile has no texts.
func (w *wts) text(id uint32, what uintptr) (string, error) {
	var text *uint16
	var size uint32
	ok, _, err := w.query.Call(uintptr(thisServer), uintptr(id), what, uintptr(unsafe.Pointer(&text)), uintptr(unsafe.Pointer(&size)))
	if ok == 0 && err == windows.ERROR_FILE_NOT_FOUND { //nolint:errorlint // an Errno
		return "", nil
	}
	if ok == 0 {
		return "", err
	}
	defer windows.WTSFreeMemory(uintptr(unsafe.Pointer(text)))
	return windows.UTF16PtrToString(text), nil
}

// logoff does not wait: programs may take their time.
func (w *wts) logoff(id uint32) error { return done(w.logOff, uintptr(thisServer), uintptr(id), 0) }

func (w *wts) disconnect(id uint32) error {
	return done(w.disconnectFrom, uintptr(thisServer), uintptr(id), 0)
}

func done(p *windows.LazyProc, args ...uintptr) error {
	if ok, _, err := p.Call(args...); ok == 0 {
		return err
	}
	return nil
}

// timeOfDay is SYSTEM_TIMEOFDAY_INFORMATION as far as it is of use.
type timeOfDay struct {
	boot, now, zoneBias int64
	zone, reserved      uint32
	bootBias, sleepBias uint64
}

// boot is the time of the boot, less what the clock was set since: that stays the same
// until the next boot.
func (w *wts) boot() (string, error) {
	var t timeOfDay
	if err := windows.NtQuerySystemInformation(windows.SystemTimeOfDayInformation, unsafe.Pointer(&t), uint32(unsafe.Sizeof(t)), nil); err != nil {
		return "", err
	}
	return strconv.FormatInt(t.boot-int64(t.bootBias), 16), nil
}

// restart asks for the right to, which the account of the service has but does not use.
func (w *wts) restart() error {
	if err := mayRestart(); err != nil {
		return err
	}
	return windows.InitiateSystemShutdownEx(nil, nil, 0, true, true, restartReason)
}

func mayRestart() error {
	name, err := windows.UTF16PtrFromString("SeShutdownPrivilege")
	if err != nil {
		return err
	}
	var token windows.Token
	if err := windows.OpenProcessToken(windows.CurrentProcess(), windows.TOKEN_ADJUST_PRIVILEGES|windows.TOKEN_QUERY, &token); err != nil {
		return err
	}
	defer token.Close() //nolint:errcheck // a handle
	wanted := windows.Tokenprivileges{PrivilegeCount: 1}
	wanted.Privileges[0].Attributes = windows.SE_PRIVILEGE_ENABLED
	if err := windows.LookupPrivilegeValue(nil, name, &wanted.Privileges[0].Luid); err != nil {
		return err
	}
	return windows.AdjustTokenPrivileges(token, false, &wanted, 0, nil, nil)
}
