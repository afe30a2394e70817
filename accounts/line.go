// Package accounts keeps the file of those who may use an admin API: each a line with
// a name, a role, the hash of a token, and limits. It finds who a token is of, and
// reads the file again when it has changed. What an account may do is decided in
// package roles; connectors, the reference cloud broker and the commands use it.
package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"understudy/roles"
)

// Account is a line of the file.
type Account struct {
	Name string
	Role roles.Role
	roles.Scope
	// Sum is the SHA-256 of the token: tokens are random, so nobody guesses them by it.
	Sum [sha256.Size]byte
}

// New is an account with that token.
func New(name string, role roles.Role, scope roles.Scope, token string) Account {
	return Account{Name: name, Role: role, Scope: scope, Sum: sha256.Sum256([]byte(token))}
}

// maxName bounds the name of an account, in bytes.
const maxName = 64

// Validate says what is wrong with the account.
func (a Account) Validate() error {
	switch {
	case a.Name == "" || len(a.Name) > maxName || strings.HasPrefix(a.Name, "#"):
		return fmt.Errorf("%q is no name of an account: it has 1 to %d characters and no # in front", a.Name, maxName)
	case strings.ContainsFunc(a.Name, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return fmt.Errorf("%q is no name of an account: it holds a space or a control character", a.Name)
	case a.Name == roles.Local || a.Name == roles.Unknown:
		return fmt.Errorf("%q is no name of an account: it stands for callers that have none", a.Name)
	case !slices.Contains(roles.All(), a.Role):
		return fmt.Errorf("role %q is not %s or %s", a.Role, roles.Viewer, roles.Operator)
	case slices.Contains(a.Groups, "") || slices.Contains(a.Zones, ""):
		return errors.New("a delivery group or zone without a name")
	}
	return nil
}

// The words before an account's limits.
const (
	groupsWord = "groups="
	zonesWord  = "zones="
)

// String is the account's line. Names are escaped as in a URL, so that they may have
// spaces and commas.
func (a Account) String() string {
	return a.Name + " " + string(a.Role) + " " + hex.EncodeToString(a.Sum[:]) + limit(groupsWord, a.Groups) + limit(zonesWord, a.Zones)
}

func limit(word string, names []string) string {
	if len(names) == 0 {
		return ""
	}
	words := make([]string, len(names))
	for i, name := range names {
		words[i] = url.QueryEscape(name)
	}
	return " " + word + strings.Join(words, ",")
}

// parseLine reads a line that is neither empty nor a comment. Errors do not quote
// what may be a secret in the wrong place.
func parseLine(line string) (a Account, err error) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return a, errors.New("it is not NAME ROLE SHA256 [groups=…] [zones=…]: `understudy admin add` makes such lines")
	}
	a.Name, a.Role = fields[0], roles.Role(fields[1])
	if !slices.Contains(roles.All(), a.Role) {
		return a, fmt.Errorf("the second word is not %s or %s", roles.Viewer, roles.Operator)
	}
	sum, err := hex.DecodeString(fields[2])
	if err != nil || len(sum) != sha256.Size {
		return a, errors.New("the third word is not the SHA-256 of a token in hexadecimal digits: `understudy admin add` makes the line")
	}
	copy(a.Sum[:], sum)
	for _, word := range fields[3:] {
		if err := a.limit(word); err != nil {
			return a, err
		}
	}
	return a, a.Validate()
}

func (a *Account) limit(word string) error {
	names, which := "", &a.Groups
	if list, ok := strings.CutPrefix(word, groupsWord); ok {
		names = list
	} else if list, ok := strings.CutPrefix(word, zonesWord); ok {
		names, which = list, &a.Zones
	} else {
		return errors.New("a word after the third begins neither with groups= nor with zones=")
	}
	if *which != nil {
		return errors.New("a limit is there twice")
	}
	for name := range strings.SplitSeq(names, ",") {
		name, err := url.QueryUnescape(name)
		if err != nil {
			return fmt.Errorf("a name in a limit is not escaped as in a URL: %w", err)
		}
		*which = append(*which, name)
	}
	return nil
}
