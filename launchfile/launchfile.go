// Package launchfile writes the answers of launches in the forms that clients of others
// read: .rdp files, signed if there is a certificate for it, and tokens of encrypted JSON
// for Apache Guacamole; and it chooses the form that a client accepts. It knows no
// broker, and reads no clock, file or random source. storefront calls it; relay asks it
// what an answer of a cloud broker is.
package launchfile

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"strconv"
	"strings"
	"time"

	"understudy/site"
)

// The media types of the forms. The last one is our own name: the scheme has none.
const (
	TypeJSON      = "application/json"
	TypeRDP       = "application/x-rdp"
	TypeGuacamole = "application/x-guacamole-token"
)

// Type is the media type of a form.
func Type(f site.LaunchFormat) string {
	switch f {
	case site.LaunchRDP:
		return TypeRDP
	case site.LaunchGuacamole:
		return TypeGuacamole
	case site.LaunchJSON:
	}
	return TypeJSON
}

// Launch is what there is to say of one.
type Launch struct {
	// Name is the resource as users know it.
	Name string
	User string
	// Host, Port and Protocol are where the session is.
	Host     string
	Port     int
	Protocol string
	// Command is what the host starts; empty means the desktop.
	Command string
	// Expires is when a token is no longer good, on the wall clock.
	Expires time.Time
	// Group is what the delivery group says.
	Group site.Launch
}

// address is the host with its port.
func (l Launch) address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// Maker makes the answers. What it has no key for it cannot make; the zero value
// makes unsigned .rdp files.
type Maker struct {
	// Signer signs .rdp files; nil leaves them unsigned.
	Signer *Signer
	// Key is what Guacamole has as json-secret-key; nil means that there is none.
	Key *Key
}

// Makes are those of the forms that it can make; our own is always one.
func (m Maker) Makes(formats []site.LaunchFormat) []site.LaunchFormat {
	var made []site.LaunchFormat
	for _, f := range formats {
		if f != site.LaunchGuacamole || m.Key != nil {
			made = append(made, f)
		}
	}
	return made
}

// ErrProtocol says that the form is not for the protocol of the desktop.
var ErrProtocol = errors.New("the form is not for the protocol of the desktop")

// Make writes an answer in a form that is not our own.
func (m Maker) Make(f site.LaunchFormat, l Launch) ([]byte, error) {
	switch {
	case f == site.LaunchRDP && l.Protocol != "rdp":
		return nil, fmt.Errorf("%w: %s and not rdp", ErrProtocol, l.Protocol)
	case f == site.LaunchRDP:
		return m.rdp(l)
	case f == site.LaunchGuacamole && m.Key != nil:
		return m.Key.token(l)
	}
	return nil, fmt.Errorf("launch format %q cannot be made here", f)
}

// FileName is what a browser may call the answer; empty for what is no file.
func FileName(f site.LaunchFormat, resource string) string {
	if f != site.LaunchRDP {
		return ""
	}
	_, name, _ := strings.Cut(resource, ":")
	plain := func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}
	return strings.Map(plain, name) + ".rdp"
}

// Judge says why a body is not an answer of the media type, for those of this package;
// known reports whether it is one of them.
func Judge(contentType string, body []byte) (known bool, fault error) {
	typ, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false, nil
	}
	switch typ {
	case TypeRDP:
		if !bytes.Contains(body, []byte("full address:s:")) {
			return true, errors.New("the .rdp file names no address")
		}
		return true, nil
	case TypeGuacamole:
		sealed, err := base64.StdEncoding.DecodeString(string(body))
		if err != nil || len(sealed) <= signatureSize || len(sealed)%blockSize != 0 {
			return true, errors.New("the token is no encrypted JSON")
		}
		return true, nil
	}
	return false, nil
}

// Table renders the forms for the documentation.
func Table() string {
	return "| format | `Accept` | the answer |\n|---|---|---|\n" +
		"| `json` | `" + TypeJSON + "` | what is shown above |\n" +
		"| `rdp` | `" + TypeRDP + "` | a file that RDP clients open |\n" +
		"| `guacamole` | `" + TypeGuacamole + "` | a token of encrypted JSON for Apache Guacamole |\n"
}
