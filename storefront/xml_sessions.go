package storefront

import (
	"context"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"strconv"

	"understudy/broker"
	"understudy/env"
	"understudy/wire"
	"understudy/xmlservice"
)

// sessionsOf lists the sessions to which a user can go back.
func (h *Handlers) sessionsOf(r *http.Request, q xmlservice.Request) ([]byte, error) {
	u, err := h.user(r, q.Credentials)
	if err != nil {
		return nil, err
	}
	var list []xmlservice.Session
	for _, s := range h.o.Engine.SessionsOf(u.Name) {
		list = append(list, xmlservice.Session{Application: s.Resource, Host: string(s.Machine), Number: number(s.ID)})
	}
	return xmlservice.SessionsAnswer(list), nil
}

// number is a session's, because clients read one.
func number(session string) int {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(session))
	return int(sum.Sum32() & 0x7fffffff)
}

// runs reports whether the user has the session that a client names.
func (h *Handlers) runs(t xmlservice.Target, u xmlservice.User) bool {
	for _, s := range h.o.Engine.SessionsOf(u.Name) {
		if strconv.Itoa(number(s.ID)) == t.Session && (t.Host == "" || t.Host == string(s.Machine)) {
			return true
		}
	}
	return false
}

// deed is what a user has done to all own sessions.
type deed struct {
	method, suffix string
	to             broker.SessionState // empty: whatever they are
}

func disconnects() deed { return deed{http.MethodPost, "/disconnect", broker.Active} }
func logsOff() deed     { return deed{http.MethodDelete, "", ""} }

// onSessions asks the host of each of the user's sessions. A session that is gone is
// what was wanted.
func (h *Handlers) onSessions(r *http.Request, q xmlservice.Request, d deed) ([]byte, error) {
	u, err := h.user(r, q.Credentials)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), launchTime)
	defer cancel()
	var first error
	for _, s := range h.o.Engine.SessionsOf(u.Name) {
		if d.to != "" && s.State != d.to {
			continue
		}
		if err := h.ask(ctx, s, d); err != nil && first == nil {
			first = err
		}
	}
	return xmlservice.Done(q.Kind), first
}

func (h *Handlers) ask(ctx context.Context, s broker.UserSession, d deed) error {
	ctx, cancel := context.WithTimeout(ctx, machineTime)
	defer cancel()
	answer, err := h.o.Caller.Call(ctx, wire.Call{
		ID: env.Short(h.o.Rand, 16), Machine: s.Machine, Callback: s.Callback, Method: d.method,
		Path: "/v1/sessions/" + url.PathEscape(s.ID) + d.suffix,
	})
	switch {
	case err != nil:
		return fmt.Errorf("ask %s: %w", s.Machine, err)
	case answer.Status/100 == 2 || answer.Status == http.StatusNotFound:
		return nil
	}
	return wire.Problemf(http.StatusServiceUnavailable, wire.CodeNoAnswer, "%s answers %d", s.Machine, answer.Status)
}
