package site

import (
	"fmt"
	"strings"
)

// FQDN is a host name in the one form that is compared: lower case, without the
// trailing dot. Names compare byte by byte, so cc10 comes before cc2 (LHC-21).
type FQDN string

// ParseFQDN brings a name into canonical form, or says what is wrong with it.
func ParseFQDN(s string) (FQDN, error) {
	name := Canonical(s)
	if name == "" {
		return "", fmt.Errorf("host name %q is empty", s)
	}
	if len(name) > 253 {
		return "", fmt.Errorf("host name %q is longer than 253 characters", short(s))
	}
	for label := range strings.SplitSeq(string(name), ".") {
		if err := checkLabel(label); err != nil {
			return "", fmt.Errorf("host name %q: %w", short(s), err)
		}
	}
	return name, nil
}

// short is the beginning of a text that came from elsewhere, for errors.
func short(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// Canonical lower-cases a name and drops one trailing dot, without judging it.
func Canonical(s string) FQDN {
	return FQDN(strings.ToLower(strings.TrimSuffix(s, ".")))
}

func checkLabel(label string) error {
	switch {
	case label == "":
		return fmt.Errorf("an empty label")
	case len(label) > 63:
		return fmt.Errorf("a label is longer than 63 characters")
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("label %q begins or ends with a hyphen", short(label))
	}
	for _, c := range []byte(label) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return fmt.Errorf("label %q contains %q", short(label), c)
		}
	}
	return nil
}

// UnmarshalText reads a name from JSON or YAML in canonical form.
func (f *FQDN) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*f = ""
		return nil
	}
	name, err := ParseFQDN(string(b))
	if err != nil {
		return err
	}
	*f = name
	return nil
}
