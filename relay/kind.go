package relay

import (
	"encoding/json"
	"net/http"
	"strings"

	"understudy/site"
	"understudy/wire"
	"understudy/xmlservice"
)

// Kind says what a relayed request is about. Health is judged for each by itself.
type Kind string

// The kinds of relayed requests, and the check, which is a cause of trouble too.
const (
	Resources Kind = "resources"
	Launch    Kind = "launch"
	Redeem    Kind = "redeem"
	// XML is of the XML Service: what of it is enumeration and launch has kinds of its own.
	XML          Kind = "xml"
	XMLResources Kind = "xml-resources"
	XMLLaunch    Kind = "xml-launch"
	STA          Kind = "sta"
	Register     Kind = "register"
	Lookup       Kind = "lookup"
	Heartbeat    Kind = "heartbeat"
	Unregister   Kind = "unregister"
	Report       Kind = "report"
	HealthCheck  Kind = "health"
)

const vdaPath = "/vda/v1/registrations"

// request is a relayed request with all that it takes to judge it, and to probe
// for the same later.
type request struct {
	kind   Kind
	method string
	target string // path and query
	body   []byte
	// Of a request in XML: who asks, for what, whether it is a probe, and whether the
	// caller has not shown who it is.
	asker, wanted        string
	effectless, stranger bool
}

// dry reports whether the caller wants no effect: a probe of somebody's own.
func (q request) dry() bool { return q.effectless || strings.Contains(q.target, "dry_run=true") }

// who is the user or the machine that the request is for, so that one broken
// desktop cannot make the cloud broker look ill.
func (q request) who() string {
	if q.kind.XML() {
		return q.asker
	}
	var said struct {
		User    string    `json:"user"`
		Machine site.FQDN `json:"machine"`
		Ticket  string    `json:"ticket"`
	}
	_ = json.Unmarshal(q.body, &said)
	switch {
	case said.Machine != "":
		return "machine " + string(said.Machine)
	case strings.HasPrefix(q.target, vdaPath+"/"):
		return "lease " + q.lease()
	case said.User != "":
		return "user " + site.UserKey(said.User)
	}
	return "ticket " + said.Ticket
}

func (q request) lease() string {
	rest, ok := strings.CutPrefix(q.target, vdaPath+"/")
	if !ok {
		return ""
	}
	lease, _, _ := strings.Cut(rest, "/")
	lease, _, _ = strings.Cut(lease, "?")
	return lease
}

// probe is the request without effect that shows whether what failed works
// again: a dry run of the same, or a look-up of the same lease.
func (q request) probe() request {
	switch q.kind {
	case Resources, Launch, Redeem:
		path, _, _ := strings.Cut(q.target, "?")
		return request{kind: q.kind, method: http.MethodPost, target: path + "?dry_run=true", body: q.body}
	case XML, XMLResources, XMLLaunch, STA:
		return q.xmlProbe()
	case Register, Lookup, Heartbeat, Unregister, Report, HealthCheck:
	}
	lease := q.lease()
	if lease == "" {
		lease = "probe"
	}
	return request{kind: q.kind, method: http.MethodGet, target: vdaPath + "/" + lease}
}

// limit is the largest body of the kind.
func (k Kind) limit() int64 {
	switch k {
	case Register, Lookup, Heartbeat, Unregister, Report:
		return wire.MaxRegistration
	case Resources, Launch, Redeem, HealthCheck:
		return wire.MaxBody
	case XML, XMLResources, XMLLaunch, STA:
		return xmlservice.MaxBody
	}
	return wire.MaxBody
}

// most is the largest answer of the kind.
func (k Kind) most() int64 {
	if k.XML() {
		return xmlservice.MaxAnswer
	}
	return wire.MaxBody
}
