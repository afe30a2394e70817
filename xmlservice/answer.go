package xmlservice

import (
	"net"
	"strconv"
)

// version is that of the protocol whose elements the answers have. No known client
// compares it.
const version = "5.9"

// ErrorID is why a request fails.
type ErrorID string

// The reasons that are given.
const (
	Unspecified         ErrorID = "unspecified"
	FailedCredentials   ErrorID = "failed-credentials"
	AccountDisabled     ErrorID = "account-disabled"
	AccountLockedOut    ErrorID = "account-locked-out"
	ExpiredCredentials  ErrorID = "expired-credentials"
	MustChange          ErrorID = "must-change-credentials"
	NotTrusted          ErrorID = "not-trusted"
	NoServer            ErrorID = "no-server"
	NoAlternateAddress  ErrorID = "no-alt-address"
	Overloaded          ErrorID = "mfserver-overloaded"
	ServiceUnavailable  ErrorID = "service-unavailable"
	TicketingDisabled   ErrorID = "Ticketing-Disabled"
	InvalidLogonHours   ErrorID = "invalid-logon-hours"
	EnumerationDisabled ErrorID = "FolderEnumeration-Disabled"
)

func answer(kind Kind, inner func(*writer)) []byte {
	return document("NFuseProtocol", "NFuse.dtd", version, func(w *writer) { w.with("Response"+string(kind), inner) })
}

// Failure answers a request of a kind with the reason why it fails, and with what
// there is to add in words.
func Failure(kind Kind, why ErrorID, words ...string) []byte {
	return answer(kind, func(w *writer) {
		w.text("ErrorId", string(why))
		for _, text := range words {
			w.text("MPSError", text, "type", "understudy")
		}
	})
}

// Done answers a request that succeeds without saying more.
func Done(kind Kind) []byte { return answer(kind, func(*writer) {}) }

// ProtocolAnswer says that the client goes on asking where it asks.
func ProtocolAnswer() []byte {
	return answer(ProtocolInfo, func(w *writer) { w.text("ServerAddress", "", "addresstype", "no-change") })
}

// FarmAnswer names the farm, first of all: a client takes whatever comes first.
func FarmAnswer(farm string) []byte {
	return answer(ServerFarmData, func(w *writer) {
		w.with("ServerFarmData", func(w *writer) { w.text("ServerFarmName", farm) })
	})
}

// CapabilitiesAnswer lists what the service can do.
func CapabilitiesAnswer(ids ...string) []byte {
	return answer(Capabilities, func(w *writer) {
		for _, id := range ids {
			w.text("CapabilityId", id)
		}
	})
}

// What each application and server is said to be: the only words that every known
// client takes.
const (
	serverType = "win32"
	clientType = "ica30"
)

// ServersAnswer lists servers.
func ServersAnswer(names []string) []byte {
	return answer(ServerData, func(w *writer) {
		for _, name := range names {
			w.with("ServerData", func(w *writer) {
				w.text("ServerName", name)
				types(w)
			})
		}
	})
}

func types(w *writer) {
	w.text("ServerType", serverType)
	w.text("ClientType", clientType)
}

// ValidAnswer says that credentials are good, and by which names the user is known,
// where that was asked.
func ValidAnswer(names []Identity) []byte {
	return answer(ValidateCredentials, func(w *writer) {
		if len(names) == 0 {
			return
		}
		w.with("UserIdentityInfo", func(w *writer) {
			for _, id := range names {
				w.text("ID", id.Name, "type", id.Type)
			}
		})
	})
}

// Endpoint is where a session is, and the tag by which its ticket is asked for.
type Endpoint struct {
	Host string
	Port int
	Tag  string
	// Reconnects says that the session is one that was left.
	Reconnects bool
	// Bare gives the host without the port.
	Bare bool
}

// AddressAnswer tells where a session is.
func AddressAnswer(e Endpoint) []byte {
	return answer(Address, func(w *writer) {
		form, at := "dot", e.Host
		if net.ParseIP(e.Host) == nil {
			form = "dns"
		}
		if !e.Bare {
			form, at = form+"-port", net.JoinHostPort(e.Host, strconv.Itoa(e.Port))
		}
		w.text("ServerAddress", at, "addresstype", form)
		w.text("ServerType", serverType)
		w.text("ConnectionType", "tcp")
		w.text("ClientType", clientType)
		w.text("TicketTag", e.Tag)
		if e.Reconnects {
			w.empty("DisconnectedSession")
		}
	})
}

// TicketAnswer gives a logon ticket: 30 upper-case hexadecimal digits, because
// clients cut it in two.
func TicketAnswer(ticket string) []byte {
	return answer(Ticket, func(w *writer) { w.text("Ticket", ticket) })
}

// Session is one that a user can go back to.
type Session struct {
	Application, Host string
	// Number is unlike that of any other session of the host.
	Number int
}

// SessionsAnswer lists a user's sessions.
func SessionsAnswer(list []Session) []byte {
	return answer(ReconnectSessionData, func(w *writer) {
		if len(list) == 0 {
			return
		}
		w.with("AppDataSet", func(w *writer) {
			for _, s := range list {
				w.with("AppData", func(w *writer) {
					w.text("InName", s.Application)
					w.empty("DataType", "value", "session")
					types(w)
					w.text("HostId", s.Host, "type", "ima-host-id")
					w.text("SessionId", strconv.Itoa(s.Number))
				}, "type", "session")
			}
		})
	})
}
