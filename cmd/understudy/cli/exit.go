package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"syscall"

	"understudy/config"
	"understudy/datadir"
	"understudy/doctor"
	"understudy/load"
	"understudy/wire"
)

// The exit codes (design 11).
const (
	exitOK       = 0
	exitError    = 1
	exitUsage    = 2
	exitNotReady = 3
	exitTimeout  = 4
	exitRefused  = 5
	exitDenied   = 77
	exitConfig   = 78
)

// usageError is a command line that was not understood.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// configError is a file that cannot be used, as config.FileError is one with
// faults.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

// exitCode says how a command ended. Who stopped it by a signal got what they
// wanted.
func exitCode(ctx context.Context, err error) int {
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitOK
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*configError](err); ok {
		return exitConfig
	}
	if _, ok := errors.AsType[*config.FileError](err); ok {
		return exitConfig
	}
	if _, ok := errors.AsType[*doctor.UnusableError](err); ok {
		return exitConfig
	}
	if _, ok := errors.AsType[*datadir.NewerError](err); ok {
		return exitConfig
	}
	if errors.Is(err, load.ErrNoAnswer) {
		return exitNotReady
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return exitTimeout
	}
	if p, ok := errors.AsType[*wire.Problem](err); ok {
		return problemCode(p)
	}
	return exitError
}

func problemCode(p *wire.Problem) int {
	if p.Status == http.StatusGatewayTimeout {
		return exitTimeout
	}
	switch p.Code {
	case wire.CodeStarting:
		return exitNotReady
	case wire.CodeRefused, wire.CodeNoSnapshot, wire.CodeNotElected, wire.CodeHandover,
		wire.CodeInHAMode, wire.CodeConflict, wire.CodePrecondition:
		return exitRefused
	case wire.CodeForbidden:
		return exitDenied
	case wire.CodeInvalidSite:
		return exitConfig
	}
	return exitError
}

// isItRunning is a question that some errors ask already.
const isItRunning = "is the service running?"

// explain says what went wrong and, where we know it, what to do.
func explain(err error) string {
	if _, ok := errors.AsType[*usageError](err); ok {
		return err.Error() + "\nTry \"understudy help\", or --help after a command."
	}
	if p, ok := errors.AsType[*wire.Problem](err); ok {
		return err.Error() + faults(p)
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return err.Error() + "\nName the authority that signed the server's certificate with --ca-file."
	}
	if errors.Is(err, syscall.ECONNREFUSED) && !strings.Contains(err.Error(), isItRunning) {
		return err.Error() + "\nNobody listens there: " + isItRunning + " Is the address right?"
	}
	if errors.Is(err, datadir.ErrNotWritable) {
		return err.Error() + "\nLet this account write there, or free space on its disk; then start again."
	}
	return err.Error()
}

func faults(p *wire.Problem) string {
	var text strings.Builder
	for _, f := range p.Faults {
		text.WriteString("\n  " + f.String())
	}
	if p.ElectedURL != "" {
		text.WriteString("\nThe elected connector is " + string(p.Elected) + " at " + p.ElectedURL + ".")
	}
	return text.String()
}
