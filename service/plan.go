package service

import (
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // Windows derives the identity of a service so
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// Role is which process a service runs: its command.
type Role string

// The processes that are installed as services.
const (
	Connector Role = "connector"
	Desktop   Role = "desktop"
)

// ParseRole reads the name of a role; none means a connector.
func ParseRole(name string) (Role, error) {
	switch role := Role(cmp.Or(name, string(Connector))); role {
	case Connector, Desktop:
		return role, nil
	}
	return "", fmt.Errorf("there is no service %q: install connector or desktop", name)
}

// Name is what Windows calls the service, and its source in the event log.
func (r Role) Name() string {
	if r == Desktop {
		return "UnderstudyDesktop"
	}
	return "UnderstudyConnector"
}

// Plan says what to install.
type Plan struct {
	Role Role
	// Program is the binary and Config its configuration file, by full paths.
	Program, Config string
	// Firewall lets others reach the program.
	Firewall bool
}

// State is how a service is.
type State struct {
	Name      string `json:"name"`
	State     string `json:"state"`
	Process   uint32 `json:"process,omitempty"`
	ExitCode  uint32 `json:"exit_code"`
	StartType string `json:"start_type"`
	Account   string `json:"account"`
	Command   string `json:"command"`
}

// ErrNotHere says that this system has another way to install services.
var ErrNotHere = errors.New("services are installed so on Windows only; here systemd runs them: install the package, then systemctl enable --now understudy-connector (or understudy-desktop)")

// Host installs services and rules over them.
type Host interface {
	// Install makes the service; what this Windows lacks and was left out is told in notes.
	Install(ctx context.Context, p Plan) (notes []string, err error)
	// Uninstall stops and removes it. Its folder stays.
	Uninstall(ctx context.Context, r Role) (notes []string, err error)
	// Start and Stop return when that is done.
	Start(ctx context.Context, r Role) error
	Stop(ctx context.Context, r Role) error
	Query(r Role) (State, error)
}

// Kind is how much a line in the event log matters.
type Kind int

// The kinds of lines.
const (
	Information Kind = iota
	Warning
	Error
)

// Journal is where Windows keeps what a service says.
type Journal interface {
	// Write adds a line: number is the event's in the message table of the program.
	Write(kind Kind, number uint32, text string) error
}

// Numbers of lines that are no event of the catalogue.
const (
	PlainInformation uint32 = 1
	PlainWarning     uint32 = 2
	PlainError       uint32 = 3
)

// identity is the security identifier that Windows gives a service of that name: S-1-5-80
// and the SHA-1 of its name in capitals.
func identity(name string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	sum := sha1.Sum(text) //nolint:gosec // see above
	id := []byte("S-1-5-80")
	for i := 0; i < len(sum); i += 4 {
		id = fmt.Appendf(id, "-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return string(id)
}

// Rights in the security descriptors of Windows.
const (
	allRights    = "FA"
	mayRead      = "0x1200a9"
	mayWrite     = "0x1301bf"
	systemSID    = "SY"
	operatorsSID = "BA"
)

// owners are the accounts of Windows that may own what the services read, besides the
// services: the system and the administrators.
var owners = []string{"S-1-5-18", "S-1-5-32-544"}

// mayOwn reports whether what an account has made may be in the folders, when the one
// installs. Whoever owns a file may always give itself rights to it.
func mayOwn(owner, installer string) bool {
	return owner == installer || owner == identity(Connector.Name()) || owner == identity(Desktop.Name()) || slices.Contains(owners, owner)
}

// protected is the security descriptor of a folder: the system and the administrators own
// what is in it, the service has those rights, everybody else has none.
func protected(r Role, rights string) string {
	grant := func(rights, to string) string { return "(A;OICI;" + rights + ";;;" + to + ")" }
	return "O:" + operatorsSID + "D:P" + grant(allRights, systemSID) + grant(allRights, operatorsSID) + grant(rights, identity(r.Name()))
}
