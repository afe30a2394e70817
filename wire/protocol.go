package wire

import (
	"encoding/json"
	"fmt"
	"strings"
)

// frozenFacts are the fields of Facts that have the same form and meaning in every
// version of the peer channel: those by which a zone elects, agrees on its record and
// judges the cloud broker, and what people are shown of them.
const frozenFacts = " fqdn site zone protocol version boot seq starting leaving draining state record unsaved highest checked healthy health_reason via " +
	"heard can_serve why_not serving elected vote deadline client_url config list held_back front_idle registrations sessions mirrored "

// ProtocolsDiffer says why nothing beyond what every version has passes between two
// versions of the peer channel: their major numbers differ (ADC-04). Empty: they do not.
func ProtocolsDiffer(ours, theirs string) string {
	if theirs == "" || major(ours) == major(theirs) {
		return ""
	}
	return fmt.Sprintf("it speaks version %s of the peer channel and this connector %s: the two elect together, and neither mirrors or copies anything from the other", Clip(theirs), ours)
}

func major(version string) string {
	before, _, _ := strings.Cut(version, ".")
	return before
}

// ReadFacts reads a heartbeat, for who speaks a version of the peer channel. Of another
// major version only those fields are read that every version has.
func ReadFacts(text []byte, ours string) (Facts, error) {
	var f Facts
	err := json.Unmarshal(text, &f)
	if err == nil && ProtocolsDiffer(ours, f.Protocol) == "" {
		return f, nil
	}
	var said struct {
		Protocol string `json:"protocol"`
	}
	if json.Unmarshal(text, &said) != nil || ProtocolsDiffer(ours, said.Protocol) == "" {
		return f, err
	}
	return readFrozen(text)
}

func readFrozen(text []byte) (Facts, error) {
	var all, frozen map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return Facts{}, err
	}
	frozen = map[string]json.RawMessage{}
	for key, value := range all {
		if strings.Contains(frozenFacts, " "+key+" ") {
			frozen[key] = value
		}
	}
	b, err := json.Marshal(frozen)
	if err != nil {
		return Facts{}, err
	}
	var f Facts
	err = json.Unmarshal(b, &f)
	return f, err
}
