package desktop

import (
	"fmt"
	"strconv"
	"strings"

	"understudy/site"
)

// Names returns n machine names that count on from the first one: the number at
// the end of its first label, with the zeros before it. A name without a number is
// followed by ones numbered from 2.
func Names(first site.FQDN, n int) []site.FQDN {
	label, domain, _ := strings.Cut(string(first), ".")
	if domain != "" {
		domain = "." + domain
	}
	stem := strings.TrimRight(label, "0123456789")
	digits := label[len(stem):]
	start, err := strconv.Atoi(digits)
	if err != nil {
		start = 1
	}
	names := []site.FQDN{first}
	for i := 1; i < n; i++ {
		names = append(names, site.FQDN(fmt.Sprintf("%s%0*d%s", stem, len(digits), start+i, domain)))
	}
	return names[:max(0, min(n, len(names)))]
}
