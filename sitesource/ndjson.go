package sitesource

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"understudy/site"
	"understudy/wire"
)

// line is one after the first: an object, or the end of a configuration stream.
type line struct {
	wire.ConfigObject
	Trailer json.RawMessage `json:"trailer"`
}

// ParseNDJSON reads a site that is written as a configuration stream is, but in the
// clear: a header, of which only the site's name is needed, then an object a line.
// Counts in the header are checked, so that what was cut off is noticed; versions in
// it count for nothing, and it may leave out the trailer.
func ParseNDJSON(name string, data []byte) (*site.Site, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, wire.MaxObject)
	var header wire.ConfigHeader
	var s *site.Site
	number, ended := 0, false
	for lines.Scan() {
		number++
		text := bytes.TrimSpace(lines.Bytes())
		var err error
		switch {
		case len(text) == 0:
		case ended:
			err = errors.New("there is something after the trailer")
		case s == nil:
			s, err = begin(text, &header)
		default:
			ended, err = add(s, text)
		}
		if err != nil {
			return nil, wire.ClipError(fmt.Errorf("%s, line %d: %w", name, number, err))
		}
	}
	switch {
	case lines.Err() != nil:
		return nil, fmt.Errorf("%s, line %d: %w", name, number+1, lines.Err())
	case s == nil:
		return nil, fmt.Errorf("%s is empty", name)
	}
	return s, whole(name, header, s)
}

func begin(text []byte, header *wire.ConfigHeader) (*site.Site, error) {
	if err := strictly(text, header); err != nil {
		return nil, fmt.Errorf("the header: %w", err)
	}
	switch {
	case header.Site == "":
		return nil, errors.New(`the header names no site: {"site":"NAME"}`)
	case !header.Base.IsZero():
		return nil, errors.New("it is a delta and not the whole site")
	}
	return header.Bare(), nil
}

func add(s *site.Site, text []byte) (ended bool, err error) {
	var l line
	if err := strictly(text, &l); err != nil {
		return false, err
	}
	if l.Trailer != nil {
		return true, nil
	}
	if l.Kind() == "" {
		return false, errors.New("it holds not exactly one of zone, connector, group, machine, application, user, entitlement")
	}
	l.AddTo(s)
	return false, nil
}

func strictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON object on the line")
	}
	return nil
}

// whole compares the counts of the header, if it has any, with what came.
func whole(name string, header wire.ConfigHeader, s *site.Site) error {
	came := wire.ConfigCounts(s)
	for kind, n := range header.Counts {
		if came[kind] != n {
			return wire.ClipError(fmt.Errorf("%s is not whole: its header counts %d %s, and there are %d", name, n, kind, came[kind]))
		}
	}
	return nil
}
