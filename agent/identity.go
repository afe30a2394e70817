package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"understudy/site"
	"understudy/vda"
	"understudy/wire"
)

// desktops lets desktops in: with TLS they show a certificate.
func (a *Agent) desktops(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.o.TLS.Client != nil && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
			wire.WriteError(w, wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "a desktop shows a client certificate"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// named has what is relayed for a desktop carry the names of its certificate: the broker
// that gave the lease knows which machine may use it.
func (a *Agent) named(relayed http.Handler) http.Handler {
	if a.o.TLS.Client == nil {
		return relayed
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := vda.Vouch(r); err != nil {
			wire.WriteError(w, err)
			return
		}
		relayed.ServeHTTP(w, r)
	})
}

// vouched checks who registers before it is relayed; the secondary broker checks by
// itself, where it has the registration in hand. With TLS the certificate names the
// machine, and the callback is the machine's own name.
func (a *Agent) vouched(relayed http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.vouch(w, r); err != nil {
			wire.WriteError(w, err)
			return
		}
		relayed.ServeHTTP(w, r)
	})
}

func (a *Agent) vouch(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxRegistration))
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return wire.Problemf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, "a registration is at most %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "the body could not be read")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var registration wire.Registration
	if err := json.Unmarshal(body, &registration); err != nil {
		return wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "the body is not a registration: %v", err)
	}
	if err := a.checkRegistration(r, registration); err != nil {
		a.refusedRegistration(registration.Machine, err.Error())
		return err
	}
	return nil
}

// checkRegistration is the trust in a registration, the same in every state.
func (a *Agent) checkRegistration(r *http.Request, registration wire.Registration) error {
	if err := a.speaksFor(r, registration.Machine); err != nil {
		return err
	}
	return a.checkCallback(r, registration)
}

// speaksFor: with TLS a desktop speaks for the machine that its certificate names, when
// it registers and with each use of the lease.
func (a *Agent) speaksFor(r *http.Request, machine site.FQDN) error {
	if a.o.TLS.Client == nil {
		return nil
	}
	return vda.ClientCertificate(r, machine)
}

func (a *Agent) checkCallback(r *http.Request, registration wire.Registration) error {
	if a.o.Insecure {
		return vda.LoopbackCallback(r, registration)
	}
	return vda.OwnCallback(r, registration)
}
