package xmlservice

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// Reply is what can be told of another service's answer, whatever order and case its
// elements have.
type Reply struct {
	// STA says that it is of an STA, Kind what it answers, in lower case.
	STA  bool
	Kind string
	// ErrorID is why the request failed; empty if it did not.
	ErrorID ErrorID
	// Farm is the name of the farm, where that was asked.
	Farm string
}

// ReadReply reads another service's answer, or says why it is none. It keeps nothing of
// the body, which may be that of a large farm.
func ReadReply(body []byte) (Reply, error) {
	s := scan{}
	if err := read(body, (*xml.Decoder).Token, s.take); err != nil {
		return Reply{}, fmt.Errorf("the answer is no XML that is read here: %w", err)
	}
	if s.reply.Kind == "" {
		return Reply{}, errors.New("the answer holds no response")
	}
	return s.reply, nil
}

const responsePrefix = "response"

// scan is a reply on its way: the names of the elements that are open.
type scan struct {
	reply Reply
	open  []string
}

func (s *scan) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return s.begin(nameOf(t.Name))
	case xml.EndElement:
		s.open = s.open[:len(s.open)-1]
	case xml.CharData:
		s.text(strings.TrimSpace(string(t)))
	}
	return nil
}

func (s *scan) begin(name string) error {
	switch len(s.open) {
	case 0:
		s.reply.STA = name == strings.ToLower(staRoot)
		if !s.reply.STA && name != "nfuseprotocol" {
			return fmt.Errorf("its root is <%.40s>", name)
		}
	case 1:
		if kind, ok := strings.CutPrefix(name, responsePrefix); ok && s.reply.Kind == "" {
			s.reply.Kind = kind
		}
	case maxDepth:
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	}
	s.open = append(s.open, name)
	return nil
}

// text takes the texts that are looked for; an answer has each of them once.
func (s *scan) text(text string) {
	if len(s.open) < 2 || text == "" {
		return
	}
	switch s.open[len(s.open)-1] {
	case "errorid":
		s.reply.ErrorID += ErrorID(text)
	case "serverfarmname":
		s.reply.Farm += text
	}
}
