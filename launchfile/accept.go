package launchfile

import (
	"mime"
	"strconv"
	"strings"

	"understudy/site"
)

// Choose returns the form that a client accepts most, by the values of its Accept
// headers, of those on offer; of several the one that is offered first. It reports false
// if it accepts none. A client that says nothing accepts all (RFC 9110, 12.5.1).
func Choose(accept []string, offered []site.LaunchFormat) (site.LaunchFormat, bool) {
	text := strings.TrimSpace(strings.Join(accept, ","))
	if text == "" {
		text = "*/*"
	}
	ranges := parseAccept(text)
	var best site.LaunchFormat
	most := 0.0
	for _, f := range offered {
		if q := quality(ranges, Type(f)); q > most {
			best, most = f, q
		}
	}
	return best, most > 0
}

// mediaRange is one part of an Accept header.
type mediaRange struct {
	typ string
	q   float64
}

// parseAccept leaves out what it cannot read, and parameters but for the weight.
func parseAccept(text string) []mediaRange {
	var ranges []mediaRange
	for part := range strings.SplitSeq(text, ",") {
		typ, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if weight, has := params["q"]; has {
			if q, err = strconv.ParseFloat(weight, 64); err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		ranges = append(ranges, mediaRange{typ, q})
	}
	return ranges
}

// quality is the weight of the range that says most about the type.
func quality(ranges []mediaRange, typ string) float64 {
	class, _, _ := strings.Cut(typ, "/")
	q, closest := 0.0, 0
	for _, r := range ranges {
		close := 0
		switch r.typ {
		case typ:
			close = 3
		case class + "/*":
			close = 2
		case "*/*":
			close = 1
		}
		if close > closest || close == closest && close > 0 && r.q > q {
			q, closest = r.q, close
		}
	}
	return q
}
