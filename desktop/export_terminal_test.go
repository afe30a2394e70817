package desktop

import (
	"slices"

	"understudy/site"
)

// HostSessions are the sessions of a host that a test plays. Who is asked to log off
// is there in the next list, and gone from the one after it.
type HostSessions struct {
	Users    []HostSession
	Asked    []uint32
	Restarts int
	Fail     error
	Stays    bool // whoever is asked to log off
	leaving  map[uint32]int
}

// HostSession is one of them.
type HostSession struct {
	ID        uint32
	User      string
	Connected bool
}

// TerminalOver returns the provider over them.
func TerminalOver(machine site.FQDN, o CommandOptions, h *HostSessions) *Terminal {
	h.leaving = map[uint32]int{}
	return &Terminal{NewCommand(machine, o), h}
}

func (h *HostSessions) list() ([]terminal, error) {
	var all []terminal
	h.Users = slices.DeleteFunc(h.Users, func(s HostSession) bool { return h.leaving[s.ID] == 1 && !h.Stays })
	for _, s := range h.Users {
		h.leaving[s.ID]-- // below zero: nobody asked
		all = append(all, terminal{s.ID, Presence{User: s.User, Connected: s.Connected}})
	}
	return all, h.Fail
}

func (h *HostSessions) logoff(id uint32) error {
	h.Asked = append(h.Asked, id)
	h.leaving[id] = 2
	return nil
}

func (h *HostSessions) disconnect(id uint32) error {
	h.Asked = append(h.Asked, id)
	return nil
}

func (h *HostSessions) boot() (string, error) { return "boot", h.Fail }

func (h *HostSessions) restart() error {
	h.Restarts++
	return h.Fail
}

// ThisHost is what the real sessions of this host say.
type ThisHost struct {
	Boot  string
	Users []Presence
}

// SystemTerminals asks the system that the test runs on.
func SystemTerminals() (ThisHost, error) {
	host, err := thisTerminals()
	if err != nil {
		return ThisHost{}, err
	}
	var found ThisHost
	if found.Boot, err = host.boot(); err != nil {
		return found, err
	}
	all, err := host.list()
	for _, s := range all {
		found.Users = append(found.Users, s.Presence)
	}
	return found, err
}
