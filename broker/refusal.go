package broker

import "fmt"

// Codes of refusals, spelled as the codes on the wire.
const (
	CodeUnknownMachine  = "unknown_machine"
	CodeNotInZone       = "not_in_zone"
	CodeLeaseUnknown    = "lease_unknown"
	CodeUnknownResource = "unknown_resource"
	CodeNotEntitled     = "not_entitled"
	CodeWrongZone       = "wrong_zone"
	CodeNoMachine       = "no_machine_available"
	CodeSessionLimit    = "session_limit"
	CodeTicketUsed      = "ticket_used"
	CodeTicketUnknown   = "ticket_unknown"
)

// Refusal is the engine's no: a code for programs and a sentence for people.
type Refusal struct {
	Code   string
	Detail string
	// Zones are the right ones (wrong_zone, not_in_zone).
	Zones []string
}

func refuse(code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Error returns the code and the sentence.
func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Status is the HTTP status that every API answers this refusal with: numbers,
// because the engine knows nothing of HTTP otherwise.
func (r *Refusal) Status() int {
	switch r.Code {
	case CodeUnknownMachine, CodeNotInZone, CodeNotEntitled:
		return 403
	case CodeLeaseUnknown, CodeUnknownResource, CodeTicketUnknown:
		return 404
	case CodeWrongZone:
		return 409
	case CodeTicketUsed:
		return 410
	case CodeNoMachine, CodeSessionLimit:
		return 503
	}
	return 500
}
