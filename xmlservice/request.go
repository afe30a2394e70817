package xmlservice

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is what a request is about: its element is Request and the kind, that of the
// answer Response and the kind.
type Kind string

// The kinds that are answered. Anything else gets an answer that says so.
const (
	ProtocolInfo           Kind = "ProtocolInfo"
	ServerFarmData         Kind = "ServerFarmData"
	Capabilities           Kind = "Capabilities"
	ServerData             Kind = "ServerData"
	ValidateCredentials    Kind = "ValidateCredentials"
	AppData                Kind = "AppData"
	Address                Kind = "Address"
	Ticket                 Kind = "Ticket"
	ReconnectSessionData   Kind = "ReconnectSessionData"
	DisconnectUserSessions Kind = "DisconnectUserSessions"
	LogoffUserSessions     Kind = "LogoffUserSessions"
)

// Kinds are all of them.
func Kinds() []Kind {
	return []Kind{
		ProtocolInfo, ServerFarmData, Capabilities, ServerData, ValidateCredentials, AppData, Address, Ticket,
		ReconnectSessionData, DisconnectUserSessions, LogoffUserSessions,
	}
}

// Request is what a client asks of the XML Service.
type Request struct {
	Kind Kind
	// Known is false for a kind that is none of Kinds.
	Known       bool
	Credentials Credentials
	// Details are those wanted of each application, in lower case; none means the
	// defaults.
	Details []string
	// ServerTypes and ClientTypes are those that the client can use, in lower case.
	ServerTypes, ClientTypes []string
	Scope                    Scope
	Target                   Target
	// AddressType is the form of an address that the client wants, in lower case.
	AddressType string
	// NoLoadBias says that a monitor asks: nobody will come.
	NoLoadBias bool
	// Alternate asks for an address beyond a translating router.
	Alternate bool
	Client    Client
	// TicketTag names the launch that a ticket is for.
	TicketTag string
	// Identity says that the validation is to answer with the user's names.
	Identity bool
}

// Client is the user's end.
type Client struct{ Name, Address, Device string }

// Scope bounds an enumeration.
type Scope struct {
	// Folder is empty at the top.
	Folder string
	// Subtree says whether what is in folders below counts.
	Subtree bool
}

// TargetKind is how a request for an address says what it wants.
type TargetKind string

// The kinds of targets.
const (
	ByApplication TargetKind = "appname"
	ByAnything    TargetKind = "unspecifiedname" // an application, or FARM*
	ByServer      TargetKind = "servername"
	ByFarm        TargetKind = "serverfarmname"
	BySession     TargetKind = "sessionname"
)

// Target is what an address is wanted of.
type Target struct {
	Kind TargetKind
	// Name is the application's, server's or farm's, or that of the session's application.
	Name string
	// Host and Session name a session.
	Host, Session string
}

// Parse reads a request to the XML Service.
func Parse(body []byte) (Request, error) {
	e, err := request(body, "NFuseProtocol")
	if err != nil {
		return Request{}, err
	}
	r := Request{
		Kind: Kind(e.written[len(requestPrefix):]), Details: e.words("desireddetails"),
		ServerTypes: e.words("servertype"), ClientTypes: e.words("clienttype"), Scope: scope(e.child("scope")),
		AddressType: e.child("serveraddress").attribute("addresstype"), TicketTag: e.value("tickettag"),
		Client: Client{Name: e.value("clientname"), Address: e.value("clientaddress"), Device: e.value("deviceid")},
	}
	r.AddressType = strings.ToLower(r.AddressType)
	for _, k := range Kinds() {
		if strings.EqualFold(string(k), string(r.Kind)) {
			r.Kind, r.Known = k, true
		}
	}
	flags := e.words("flags")
	r.NoLoadBias, r.Alternate = slices.Contains(flags, noLoadBias), slices.Contains(flags, "alt-addr")
	r.Identity = slices.Contains(e.words("desiredinfo"), "user-identity")
	r.Target = target(e.child("name"))
	r.Credentials, err = credentials(e.child("credentials"))
	return r, err
}

const (
	// noLoadBias marks requests of monitors.
	noLoadBias    = "no-load-bias"
	requestPrefix = "request"
	maxName       = 64
)

// request finds the only request of a document.
func request(body []byte, root string) (*element, error) {
	top, err := parse(body, root)
	if err != nil {
		return nil, err
	}
	if len(top.children) != 1 || !strings.HasPrefix(top.children[0].name, requestPrefix) {
		return nil, fmt.Errorf("<%s> does not hold one request", root)
	}
	if len(top.children[0].name) > maxName {
		return nil, fmt.Errorf("the request's name is longer than %d bytes", maxName)
	}
	return top.children[0], nil
}

func scope(e *element) Scope {
	return Scope{Folder: e.string(), Subtree: strings.EqualFold(e.attribute("traverse"), "subtree")}
}

func target(e *element) Target {
	for _, kind := range []TargetKind{ByApplication, ByAnything, ByServer, ByFarm, BySession} {
		named := e.child(string(kind))
		switch {
		case named == nil:
		case kind == BySession:
			return Target{Kind: kind, Name: named.value("inname"), Host: named.value("hostid"), Session: named.value("sessionid")}
		default:
			return Target{Kind: kind, Name: named.text}
		}
	}
	return Target{}
}

// Credentials say who the user is.
type Credentials struct {
	// Given is false where the request has none.
	Given bool
	// Anonymous asks for what everybody may have.
	Anonymous bool
	// User, Password and Domain are to be checked. HasPassword is false where the client
	// gave none at all.
	User, Password, Domain string
	HasPassword            bool
	// Asserted are the names of a user and of the user's groups that a trusted client
	// vouches for, in place of a password.
	Asserted []Identity
}

// Identity is one name of a user or of a group.
type Identity struct {
	// Type is SAM, UPN or SID, in upper case.
	Type, Name string
}

// ErrEncoding is for a password in an encoding that is not read here.
var ErrEncoding = errors.New("the password's encoding is none of cleartext and ctx1")

func credentials(e *element) (Credentials, error) {
	if e == nil {
		return Credentials{}, nil
	}
	c := Credentials{Given: true, User: e.value("username"), Domain: e.value("domain"), Anonymous: e.child("anonymoususer") != nil}
	for _, id := range e.children {
		if id.name == "id" && id.text != "" {
			c.Asserted = append(c.Asserted, Identity{strings.ToUpper(id.attribute("type")), id.text})
		}
	}
	password := e.child("password")
	if password == nil {
		return c, nil
	}
	c.HasPassword = true
	var err error
	c.Password, err = plain(password)
	return c, err
}

func plain(password *element) (string, error) {
	switch strings.ToLower(password.attribute("encoding")) {
	case "", "cleartext":
		return password.text, nil
	case "ctx1":
		return fromCtx1(password.text)
	}
	return "", ErrEncoding
}

// String leaves the password out.
func (c Credentials) String() string {
	switch {
	case c.Anonymous:
		return "anonymous"
	case len(c.Asserted) > 0:
		return c.Asserted[0].Type + " " + c.Asserted[0].Name
	case c.Domain == "":
		return c.User
	}
	return c.Domain + `\` + c.User
}

// GoString leaves the password out too.
func (c Credentials) GoString() string { return c.String() }
