package hooks

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Key signs updates (TSIG, RFC 8945).
type Key struct {
	Name      string
	Algorithm string
	// Secret is base64.
	Secret string
}

// algorithms are those that a key may have.
var algorithms = map[string]string{
	"hmac-sha224": dns.HmacSHA224, "hmac-sha256": dns.HmacSHA256, "hmac-sha384": dns.HmacSHA384, "hmac-sha512": dns.HmacSHA512,
}

func (k Key) name() string      { return dns.CanonicalName(k.Name) }
func (k Key) algorithm() string { return algorithms[k.Algorithm] }

// The parts of a key file.
var (
	keyBlock     = regexp.MustCompile(`(?s)^\s*key\s+"?([^"\s{}]+)"?\s*\{(.*)\}\s*;?\s*$`)
	keyAlgorithm = regexp.MustCompile(`\balgorithm\s+"?([A-Za-z0-9-]+)"?\s*;`)
	keySecret    = regexp.MustCompile(`\bsecret\s+"?([A-Za-z0-9+/=]+)"?\s*;`)
	keyComment   = regexp.MustCompile(`(?m)(^|\s)(#|//).*$`)
)

// ParseKey reads the file that tsig-keygen writes and nsupdate -k reads. Errors never
// quote what is in it.
func ParseKey(text string) (Key, error) {
	block := keyBlock.FindStringSubmatch(keyComment.ReplaceAllString(text, ""))
	if block == nil {
		return Key{}, errors.New(`it does not hold one key, such as tsig-keygen writes: key "NAME" { algorithm …; secret "…"; };`)
	}
	algorithm, secret := keyAlgorithm.FindStringSubmatch(block[2]), keySecret.FindStringSubmatch(block[2])
	if algorithm == nil || secret == nil {
		return Key{}, errors.New("its key has no algorithm or no secret")
	}
	k := Key{Name: block[1], Algorithm: strings.ToLower(algorithm[1]), Secret: secret[1]}
	if _, ok := dns.IsDomainName(k.Name); !ok {
		return Key{}, errors.New("the name of its key is not a name in DNS")
	}
	if k.algorithm() == "" {
		return Key{}, fmt.Errorf("its key has an algorithm other than %s", strings.Join(slices.Sorted(maps.Keys(algorithms)), ", "))
	}
	if _, err := base64.StdEncoding.DecodeString(k.Secret); err != nil {
		return Key{}, errors.New("the secret of its key is not base64")
	}
	return k, nil
}
