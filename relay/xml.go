package relay

import (
	"errors"
	"net/http"

	"understudy/site"
	"understudy/xmlservice"
)

// XML reports whether requests of the kind are in XML.
func (k Kind) XML() bool {
	switch k {
	case XML, XMLResources, XMLLaunch, STA:
		return true
	case Resources, Launch, Redeem, Register, Lookup, Heartbeat, Unregister, Report, HealthCheck:
	}
	return false
}

// read says what a request in XML is about: those that matter to users are judged apart
// from the many of monitors, and a monitor's question for an address is a probe. What
// cannot be read is not relayed: what others make of it says nothing of them.
func (q request) read() (request, error) {
	if q.kind == STA {
		asked, err := xmlservice.ParseSta(q.body)
		q.asker = "address " + asked.Values[xmlservice.AddressValue]
		return q, err
	}
	if q.kind != XML {
		return q, nil
	}
	asked, err := xmlservice.Parse(q.body)
	if err != nil && !errors.Is(err, xmlservice.ErrEncoding) {
		return q, err
	}
	q.asker = "user " + site.UserKey(asked.Credentials.String())
	switch asked.Kind {
	case xmlservice.AppData:
		q.kind = XMLResources
	case xmlservice.Address:
		q.kind, q.effectless = XMLLaunch, asked.NoLoadBias
		if !q.stranger { // else anybody could choose what is probed
			q.wanted = asked.Target.Name
		}
	case xmlservice.ProtocolInfo, xmlservice.ServerFarmData, xmlservice.Capabilities, xmlservice.ServerData, xmlservice.ValidateCredentials,
		xmlservice.Ticket, xmlservice.ReconnectSessionData, xmlservice.DisconnectUserSessions, xmlservice.LogoffUserSessions:
	}
	return q, nil
}

// xmlProbe asks for much the same without effect, and without anybody's password.
func (q request) xmlProbe() request {
	p := request{kind: q.kind, method: http.MethodPost, target: q.target, effectless: true}
	switch q.kind {
	case XMLResources:
		p.body = xmlservice.AppsRequest()
	case XMLLaunch:
		p.body = xmlservice.ProbeRequest(q.wanted)
	case STA:
		p.body = xmlservice.StaDataRequest("probe")
	case XML, Resources, Launch, Redeem, Register, Lookup, Heartbeat, Unregister, Report, HealthCheck:
		p.body = xmlservice.FarmRequest()
	}
	return p
}

// judgeXML says why a success is no answer in XML. One that tells of an error is an
// answer, as a refusal in JSON is.
func (a answer) judgeXML(kind Kind) error {
	got, err := xmlservice.ReadReply(a.body)
	if err == nil && got.STA != (kind == STA) {
		return errors.New("the answer is one of another service")
	}
	return err
}
