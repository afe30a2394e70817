package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// How long a start and a stop may take, and how often is looked.
const (
	startLimit = 60 * time.Second
	stopLimit  = 60 * time.Second
	lookEvery  = 100 * time.Millisecond
)

// thisHost is the service manager of this host.
type thisHost struct{}

// ThisHost is where services are installed.
func ThisHost() (Host, error) { return thisHost{}, nil }

// DefaultFolder is where the files of services are, as a rule.
func DefaultFolder() string {
	folder, err := windows.KnownFolderPath(windows.FOLDERID_ProgramData, 0)
	if err != nil {
		folder = os.Getenv("ProgramData")
	}
	return filepath.Join(folder, "Understudy")
}

// opened calls do with the service.
func opened(r Role, do func(*mgr.Service) error) error {
	return connected(func(m *mgr.Mgr) error {
		s, err := m.OpenService(r.Name())
		if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
			return fmt.Errorf("the service %s is not installed: understudy service install %s --config FILE", r.Name(), r)
		}
		if err != nil {
			return fmt.Errorf("open the service %s: %w", r.Name(), err)
		}
		defer s.Close() //nolint:errcheck // a handle
		return do(s)
	})
}

func connected(do func(*mgr.Mgr) error) error {
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("ask the service manager, which only an administrator may: %w", err)
	}
	defer m.Disconnect() //nolint:errcheck // a handle
	return do(m)
}

// Start implements Host.
func (thisHost) Start(ctx context.Context, r Role) error {
	return opened(r, func(s *mgr.Service) error {
		if err := s.Start(); err != nil && !errors.Is(err, windows.ERROR_SERVICE_ALREADY_RUNNING) {
			return fmt.Errorf("start %s: %w", r.Name(), err)
		}
		return reached(ctx, s, svc.Running, startLimit)
	})
}

// Stop implements Host.
func (thisHost) Stop(ctx context.Context, r Role) error {
	return opened(r, func(s *mgr.Service) error { return stop(ctx, s) })
}

func stop(ctx context.Context, s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return fmt.Errorf("stop %s: %w", s.Name, err)
	}
	return reached(ctx, s, svc.Stopped, stopLimit)
}

// reached waits until a service is as wanted. Who stops instead of running is not waited for.
func reached(ctx context.Context, s *mgr.Service, want svc.State, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		status, err := s.Query()
		switch {
		case err != nil:
			return fmt.Errorf("ask for the state of %s: %w", s.Name, err)
		case status.State == want:
			return nil
		case status.State == svc.Stopped:
			return fmt.Errorf("%s has stopped with exit code %d: the event log says why, source %s", s.Name, exitCode(status), s.Name)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s is %s after %s: %w", s.Name, stateName(status.State), limit, ctx.Err())
		case <-ticks.C:
		}
	}
}

// exitCode is the program's own where it has told one, else Windows'.
func exitCode(s svc.Status) uint32 {
	if s.Win32ExitCode == uint32(windows.ERROR_SERVICE_SPECIFIC_ERROR) {
		return s.ServiceSpecificExitCode
	}
	return s.Win32ExitCode
}

// Query implements Host.
func (thisHost) Query(r Role) (State, error) {
	found := State{Name: r.Name()}
	err := opened(r, func(s *mgr.Service) error {
		status, err := s.Query()
		if err != nil {
			return err
		}
		found.State, found.Process, found.ExitCode = stateName(status.State), status.ProcessId, exitCode(status)
		return configured(s, &found)
	})
	return found, err
}

func stateName(s svc.State) string {
	switch s {
	case svc.Stopped:
		return "stopped"
	case svc.StartPending:
		return "starting"
	case svc.StopPending:
		return "stopping"
	case svc.Running:
		return "running"
	default:
		return fmt.Sprintf("state %d", s)
	}
}

// configured fills in how the service was installed.
func configured(s *mgr.Service, found *State) error {
	room := make([]byte, 8<<10) // what Windows needs at most
	config := (*windows.QUERY_SERVICE_CONFIG)(unsafe.Pointer(&room[0]))
	var needed uint32
	if err := windows.QueryServiceConfig(s.Handle, config, uint32(len(room)), &needed); err != nil {
		return err
	}
	found.StartType = startName(config.StartType)
	found.Account = windows.UTF16PtrToString(config.ServiceStartName)
	found.Command = windows.UTF16PtrToString(config.BinaryPathName)
	return nil
}

func startName(kind uint32) string {
	switch kind {
	case mgr.StartAutomatic:
		return "automatic"
	case mgr.StartManual:
		return "manual"
	default:
		return "disabled"
	}
}
