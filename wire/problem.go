package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"understudy/site"
)

// Codes of problem documents. Clients decide by them, never by the text.
const (
	CodeBadRequest       = "bad_request"
	CodeTooLarge         = "too_large"
	CodeNotAcceptable    = "not_acceptable"
	CodeUnauthorized     = "unauthorized"
	CodeForbidden        = "forbidden"
	CodeNotFound         = "not_found"
	CodeMethod           = "method_not_allowed"
	CodeInternal         = "internal"
	CodeNotElected       = "not_elected"
	CodeNoQuorum         = "no_quorum"
	CodeHandover         = "handover"
	CodeStarting         = "starting"
	CodeCloudUnreachable = "cloud_unreachable"
	CodeZoneUnreachable  = "zone_unreachable"
	CodeNoAnswer         = "machine_unreachable"
	CodeGone             = "machine_gone"
	CodeInHAMode         = "in_ha_mode"
	CodeNotInZone        = "not_in_zone"
	CodeLeaseUnknown     = "lease_unknown"
	CodeLeaseStale       = "lease_stale"
	CodeUnknownMachine   = "unknown_machine"
	CodeUnknownResource  = "unknown_resource"
	CodeNotEntitled      = "not_entitled"
	CodeWrongZone        = "wrong_zone"
	CodeXMLOnly          = "xml_only"
	CodeNoMachine        = "no_machine_available"
	CodeSessionLimit     = "session_limit"
	CodeTicketUsed       = "ticket_used"
	CodeTicketUnknown    = "ticket_unknown"
	CodeBusy             = "busy"
	CodeUsed             = "used"
	CodeAssigned         = "assigned"
	CodeConflict         = "conflict"
	CodePrecondition     = "precondition_failed"
	CodeInvalidSite      = "invalid_site"
	CodeNoSnapshot       = "no_snapshot"
	CodeRefused          = "refused_by_state"
	CodeVersion          = "unsupported_version"
	CodeDisk             = "disk_failed"
	CodeInProgress       = "in_progress"
	CodeJournalFull      = "journal_full"
	CodeStaleTerm        = "stale_term"
	CodeTooMany          = "too_many_requests"
	CodeNotDirect        = "not_direct"
	CodeRelayedTwice     = "relayed_twice"
)

// Bounds of what a problem from elsewhere says: bytes of its code, seconds to wait.
const (
	maxCode  = 64
	maxRetry = 3600
)

// Problem is an RFC 9457 problem document with our code.
type Problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail,omitempty"`
	// Elected and ElectedURL name the connector that serves (not_elected,
	// cloud_unreachable with a healthy peer).
	Elected    site.FQDN `json:"elected,omitempty"`
	ElectedURL string    `json:"elected_url,omitempty"`
	// Zones are the right ones (wrong_zone).
	Zones []string `json:"zones,omitempty"`
	// Faults lists everything wrong with a refused document.
	Faults []site.Fault `json:"faults,omitempty"`
	// RetryAfter is sent as the header of that name.
	RetryAfter time.Duration `json:"-"`
}

// NewProblem returns a problem with its fixed parts filled in.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: Clip(detail)}
}

// Problemf is NewProblem with a formatted detail.
func Problemf(status int, code, format string, args ...any) *Problem {
	return NewProblem(status, code, fmt.Sprintf(format, args...))
}

// Error makes a problem an error, so that it can travel up to the handler.
func (p *Problem) Error() string {
	if p.Detail == "" {
		return p.Code
	}
	return p.Code + ": " + p.Detail
}

// IsCode reports whether err is, or wraps, a problem with that code.
func IsCode(err error, code string) bool {
	p, ok := errors.AsType[*Problem](err)
	return ok && p.Code == code
}

// WriteError answers with the problem that err is or wraps; any other error
// becomes an internal one whose text stays on this host.
func WriteError(w http.ResponseWriter, err error) {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		p = NewProblem(http.StatusInternalServerError, CodeInternal, "")
	}
	if p.Status == http.StatusUnauthorized {
		hurry(w)
	}
	if p.RetryAfter > 0 {
		seconds := int((p.RetryAfter + time.Second - 1) / time.Second)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	if p.Status < 300 || p.Status > 599 {
		// It came from elsewhere, and is no status that says no.
		p = NewProblem(http.StatusBadGateway, p.Code, p.Detail)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// ReadProblem makes an error of a response that is not a success: the problem
// document it carries, or one that says what came instead.
func ReadProblem(resp *http.Response) *Problem {
	body, _ := io.ReadAll(io.LimitReader(resp.Body, MaxBody))
	var p Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" || len(p.Code) > maxCode {
		p = *Problemf(resp.StatusCode, "", "the answer %s carries no problem document", resp.Status)
	}
	p.Status, p.Detail = resp.StatusCode, Clip(p.Detail)
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		p.RetryAfter = time.Duration(min(seconds, maxRetry)) * time.Second
	}
	return &p
}

// WriteText answers with JSON that is written already.
func WriteText(w http.ResponseWriter, status int, text []byte) {
	jsonHead(w, status)
	_, _ = w.Write(text)
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	jsonHead(w, status)
	_ = writeJSON(w, v)
}

// jsonType is of all answers, and never changed.
var jsonType = []string{"application/json"}

func jsonHead(w http.ResponseWriter, status int) {
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(status)
}
