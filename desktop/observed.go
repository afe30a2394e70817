package desktop

import (
	"strings"

	"understudy/site"
	"understudy/wire"
)

// Observed takes over what runs on the host: who has come, gone or left their session
// running since, in sentences, and who is there without a reservation. Reservations of
// users who have not come stay.
func (s State) Observed(list []Presence) (next State, news []string, strangers []Presence) {
	there := map[int]bool{} // by session: whether somebody is connected
	for _, p := range list {
		at := s.ofHostUser(p.User)
		if at < 0 {
			strangers = append(strangers, p)
			continue
		}
		there[at] = there[at] || p.Connected
	}
	events := map[string]wire.SessionEvent{}
	var order []wire.Session
	for i, h := range s.Sessions {
		connected, runs := there[i]
		if e := changed(h.State, runs, connected); e != "" {
			events[h.ID], order = e, append(order, h.Session)
		}
	}
	for _, held := range order {
		if after, err := s.Happened(held.ID, events[held.ID]); err == nil {
			s, news = after, append(news, held.User+" "+string(events[held.ID]))
		}
	}
	return s, news, strangers
}

// changed is what has happened to a session; empty for nothing.
func changed(was wire.SessionState, runs, connected bool) wire.SessionEvent {
	switch {
	case !runs && was != wire.Reserved:
		return wire.SessionEnded
	case runs && was == wire.Reserved, runs && connected && was != wire.Active:
		return wire.SessionConnected
	case runs && !connected && was == wire.Active:
		return wire.SessionDisconnected
	}
	return ""
}

// ofHostUser finds the session of whom the host knows by that name: the name that the
// broker has, or, where one of the two leaves the domain out, the only one without it.
func (s State) ofHostUser(name string) int {
	if i := s.findUser(name); i >= 0 {
		return i
	}
	found := -1
	for i, h := range s.Sessions {
		if !sameBut(h.User, name) && !sameBut(name, h.User) {
			continue
		}
		if found >= 0 {
			return -1 // two users of that name: nobody knows whose it is
		}
		found = i
	}
	return found
}

// sameBut reports whether a name is the other one without its domain.
func sameBut(domain, bare string) bool {
	return site.UserKey(bareName(domain)) == site.UserKey(bare)
}

// bareName is a user's name without a domain: of DOMAIN\name and of name@domain.
func bareName(user string) string {
	if _, after, ok := strings.Cut(user, `\`); ok {
		user = after
	}
	user, _, _ = strings.Cut(user, "@")
	return user
}
