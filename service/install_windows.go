package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"
)

// handOver is how long Windows waits for the service before the host goes down.
const handOver = 60 * time.Second

// forgiven is after what time without a failure the first recovery action is due again.
const forgiven = 24 * time.Hour

// recovery is what Windows does at the first, second and each further failure.
func recovery() []mgr.RecoveryAction {
	return []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: time.Second},
		{Type: mgr.ServiceRestart, Delay: 5 * time.Second},
		{Type: mgr.ServiceRestart, Delay: 60 * time.Second},
	}
}

// title and description are for people.
func (r Role) title() string { return "Understudy " + string(r) }

func (r Role) description() string {
	if r == Desktop {
		return "Registers this desktop with a connector of its zone, and decides who may use it."
	}
	return "Relays to the cloud broker, and brokers desktops while it cannot be reached."
}

// account is whom the service runs as: the desktop agent logs others off, which only
// the system may; a connector needs nothing but an account of its own.
func (r Role) account() string {
	if r == Desktop {
		return "LocalSystem"
	}
	return `NT SERVICE\` + r.Name()
}

// Install implements Host. A service that is there, such as one of the MSI, is brought to
// the plan; one that was made is taken back at a fault.
func (h thisHost) Install(ctx context.Context, p Plan) (notes []string, err error) {
	err = connected(func(m *mgr.Mgr) error {
		s, isNew, err := create(m, p)
		if err != nil {
			return fmt.Errorf("make the service %s: %w", p.Role.Name(), err)
		}
		defer s.Close() //nolint:errcheck // a handle
		notes = append(notes, settings(s)...)
		err = furnish(ctx, p)
		if err != nil && isNew {
			_ = s.Delete() // the fault that led here is told
			err = errors.Join(err, forget(ctx, p.Role))
		}
		return err
	})
	return notes, err
}

func create(m *mgr.Mgr, p Plan) (s *mgr.Service, isNew bool, err error) {
	arguments := []string{string(p.Role), "--config", p.Config}
	s, err = m.CreateService(p.Role.Name(), p.Program, mgr.Config{
		StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal, DisplayName: p.Role.title(), Description: p.Role.description(),
		ServiceStartName: p.Role.account(), Dependencies: strings.Split(dependencies, "\x00"),
	}, arguments...)
	if !errors.Is(err, windows.ERROR_SERVICE_EXISTS) {
		return s, true, err
	}
	if s, err = m.OpenService(p.Role.Name()); err != nil {
		return nil, false, err
	}
	return s, false, reconfigure(s, p.Role.account(), windows.ComposeCommandLine(append([]string{p.Program}, arguments...)))
}

// dependencies are what a service starts after.
const dependencies = "Tcpip\x00Dnscache"

// reconfigure changes what matters and leaves the rest: mgr would also ask for what an
// older Windows lacks.
func reconfigure(s *mgr.Service, account, line string) error {
	list := append(utf16.Encode([]rune(dependencies)), 0, 0)
	command, err := windows.UTF16PtrFromString(line)
	if err != nil {
		return err
	}
	user, err := windows.UTF16PtrFromString(account)
	if err != nil {
		return err
	}
	return windows.ChangeServiceConfig(s.Handle, windows.SERVICE_NO_CHANGE, mgr.StartAutomatic, mgr.ErrorNormal,
		command, nil, nil, &list[0], user, nil, nil)
}

// settings makes the service start again after failures and late at boots, and stop
// early at shutdowns. A Windows that lacks one of these runs the service without it.
func settings(s *mgr.Service) (notes []string) {
	delayed := windows.SERVICE_DELAYED_AUTO_START_INFO{IsDelayedAutoStartUp: 1}
	identified := uint32(windows.SERVICE_SID_TYPE_UNRESTRICTED)
	warned := milliseconds(handOver)
	for _, setting := range []struct {
		what string
		err  error
	}{
		{"restart after a failure", s.SetRecoveryActions(recovery(), uint32(forgiven.Seconds()))},
		{"restart after an end with an exit code", s.SetRecoveryActionsOnNonCrashFailures(true)},
		{"delayed automatic start", change(s, windows.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, unsafe.Pointer(&delayed))},
		{"identity of its own", change(s, windows.SERVICE_CONFIG_SERVICE_SID_INFO, unsafe.Pointer(&identified))},
		{"time for the hand-over at a shutdown", change(s, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, unsafe.Pointer(&warned))},
	} {
		if setting.err != nil {
			notes = append(notes, fmt.Sprintf("this Windows has no %s: %v", setting.what, setting.err))
		}
	}
	return notes
}

func change(s *mgr.Service, level uint32, to unsafe.Pointer) error {
	return windows.ChangeServiceConfig2(s.Handle, level, (*byte)(to))
}

// furnish makes what the service needs around it.
func furnish(ctx context.Context, p Plan) error {
	if err := source(p); err != nil {
		return err
	}
	if err := folders(p.Role); err != nil {
		return err
	}
	if !p.Firewall {
		return nil
	}
	return firewall(ctx, "add", p.Role, "dir=in", "action=allow", "enable=yes", "program="+p.Program)
}

// source registers the program as what has the texts of the service's events.
func source(p Plan) error {
	if err := forgetSource(p.Role); err != nil {
		return err
	}
	if err := eventlog.Install(p.Role.Name(), p.Program, false, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil {
		return fmt.Errorf("register the event source %s: %w", p.Role.Name(), err)
	}
	return nil
}

// forgetSource removes what is left of an earlier installation too.
func forgetSource(r Role) error {
	if err := eventlog.Remove(r.Name()); err != nil && !errors.Is(err, registry.ErrNotExist) {
		return fmt.Errorf("remove the event source %s: %w", r.Name(), err)
	}
	return nil
}

// folders makes the folder of configurations, which the service may read, and its own
// one for data and logs, which it may write. Nobody else but administrators may do either.
func folders(r Role) error {
	shared := DefaultFolder()
	if err := owned(shared); err != nil {
		return err
	}
	for folder, rights := range map[string]string{shared: mayRead, filepath.Join(shared, string(r)): mayWrite} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		if err := protect(folder, protected(r, rights)); err != nil {
			return fmt.Errorf("protect %s: %w", folder, err)
		}
	}
	return nil
}

func protect(folder, descriptor string) error {
	sd, err := windows.SecurityDescriptorFromString(descriptor)
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT,
		windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, owner, nil, acl, nil)
}

// owned refuses a folder in which something is somebody else's.
func owned(folder string) error {
	installer, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	return filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
		if err != nil {
			return fmt.Errorf("look who owns %s: %w", path, err)
		}
		owner, _, err := sd.Owner()
		if err == nil && !mayOwn(owner.String(), installer.User.Sid.String()) {
			err = fmt.Errorf("%s is owned by %s, who could have the service do anything: see what it is, then remove it, or give it to the administrators (takeown /A /F)", path, owner)
		}
		return err
	})
}

// firewall changes the rule of the service.
func firewall(ctx context.Context, verb string, r Role, more ...string) error {
	args := append([]string{"advfirewall", "firewall", verb, "rule", "name=" + r.title()}, more...)
	if out, err := exec.CommandContext(ctx, "netsh", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("netsh advfirewall firewall %s rule: %w: %s", verb, err, out)
	}
	return nil
}

// forget takes back what furnish made, but for the folders.
func forget(ctx context.Context, r Role) error {
	_ = firewall(ctx, "delete", r) // there may be no rule
	return forgetSource(r)
}

// Uninstall implements Host.
func (h thisHost) Uninstall(ctx context.Context, r Role) ([]string, error) {
	err := opened(r, func(s *mgr.Service) error {
		if err := stop(ctx, s); err != nil {
			return err
		}
		if err := s.Delete(); err != nil {
			return fmt.Errorf("remove the service %s: %w", r.Name(), err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []string{"its folder stays: " + filepath.Join(DefaultFolder(), string(r))}, forget(ctx, r)
}
