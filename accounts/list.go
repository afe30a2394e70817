package accounts

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// List are the accounts of a file.
type List []Account

// maxAccounts bounds the file: each request is compared with all of them.
const maxAccounts = 10_000

// Parse reads the lines of a file; empty ones and those that begin with # do not
// count. All faults are told, by line.
func Parse(text string) (List, error) {
	var list List
	var faults []error
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		a, err := parseLine(line)
		if err == nil {
			err = list.accepts(a)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("line %d: %w", n, err))
			continue
		}
		list = append(list, a)
	}
	return list, errors.Join(faults...)
}

func (l List) accepts(a Account) error {
	switch {
	case l.index(a.Name) >= 0:
		return fmt.Errorf("account %q is there already", a.Name)
	case slices.ContainsFunc(l, func(b Account) bool { return b.Sum == a.Sum }):
		return fmt.Errorf("account %q has the token of another one", a.Name)
	case len(l) >= maxAccounts:
		return fmt.Errorf("there are more than %d accounts", maxAccounts)
	}
	return nil
}

func (l List) index(name string) int {
	return slices.IndexFunc(l, func(a Account) bool { return a.Name == name })
}

// Find returns whose token it is. It takes the same time whether or not there is one.
func (l List) Find(token string) (found Account, ok bool) {
	said := sha256.Sum256([]byte(token))
	for _, a := range l {
		if subtle.ConstantTimeCompare(said[:], a.Sum[:]) == 1 && token != "" {
			found, ok = a, true
		}
	}
	return found, ok
}
