package xmlservice

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// MaxBody bounds a request, in bytes: a trusted one names each group of its user.
const MaxBody = 512 << 10

// MaxAnswer bounds an answer, in bytes: one lists all that is published.
const MaxAnswer = 16 << 20

// Bounds of what a request is made of.
const (
	maxDepth      = 16
	maxElements   = 20_000
	maxAttributes = 16
)

// element is a part of a request. Clients write names in any case and order, so they
// are kept in lower case and looked for by name.
type element struct {
	name       string
	written    string // the name as the client has it
	attributes map[string]string
	raw        []byte // the text so far, while the element is open
	text       string
	children   []*element
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// parse reads a document of which the root has the given name.
func parse(body []byte, root string) (*element, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("the body is larger than %d bytes", MaxBody)
	}
	b := builder{top: &element{}}
	if err := read(body, (*xml.Decoder).RawToken, b.take); err != nil {
		return nil, fmt.Errorf("the body is no XML that is read here: %w", err)
	}
	switch {
	case len(b.open) > 0:
		return nil, fmt.Errorf("the body ends in the middle of <%s>", b.open[len(b.open)-1].name)
	case len(b.top.children) != 1 || b.top.children[0].name != strings.ToLower(root):
		return nil, fmt.Errorf("the body is no <%s>", root)
	}
	return b.top.children[0], nil
}

// read takes a document apart, one token after the other.
func read(body []byte, next func(*xml.Decoder) (xml.Token, error), take func(xml.Token) error) error {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
	d.CharsetReader = charset
	for {
		token, err := next(d)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = take(token)
		}
		if err != nil {
			return err
		}
	}
}

// builder makes a tree of tokens.
type builder struct {
	top   *element
	open  []*element // from the root to the innermost
	count int
}

func (b *builder) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return b.begin(t)
	case xml.EndElement:
		return b.end(t)
	case xml.CharData:
		if len(b.open) > 0 {
			e := b.innermost()
			e.raw = append(e.raw, t...)
		}
	case xml.Directive:
		if bytes.Contains(bytes.ToUpper(t), []byte("<!ENTITY")) {
			return errors.New("it defines entities")
		}
	}
	return nil
}

func (b *builder) innermost() *element {
	if len(b.open) == 0 {
		return b.top
	}
	return b.open[len(b.open)-1]
}

func (b *builder) begin(t xml.StartElement) error {
	b.count++
	switch {
	case len(b.open) == maxDepth:
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	case b.count > maxElements:
		return fmt.Errorf("there are more than %d elements", maxElements)
	case len(t.Attr) > maxAttributes:
		return fmt.Errorf("<%s> has more than %d attributes", t.Name.Local, maxAttributes)
	}
	e := &element{name: nameOf(t.Name), written: t.Name.Local}
	for _, a := range t.Attr {
		if e.attributes == nil {
			e.attributes = map[string]string{}
		}
		e.attributes[nameOf(a.Name)] = a.Value
	}
	parent := b.innermost()
	parent.children = append(parent.children, e)
	b.open = append(b.open, e)
	return nil
}

func (b *builder) end(t xml.EndElement) error {
	if len(b.open) == 0 || b.innermost().name != nameOf(t.Name) {
		return fmt.Errorf("</%s> ends nothing", t.Name.Local)
	}
	e := b.innermost()
	e.text, e.raw = string(bytes.TrimSpace(e.raw)), nil
	b.open = b.open[:len(b.open)-1]
	return nil
}

func nameOf(n xml.Name) string { return strings.ToLower(n.Local) }

// child finds the first child of a name; nil when there is none, also of nil.
func (e *element) child(name string) *element {
	if e != nil {
		for _, c := range e.children {
			if c.name == name {
				return c
			}
		}
	}
	return nil
}

// value is the text of the first child of a name.
func (e *element) value(name string) string { return e.child(name).string() }

func (e *element) string() string {
	if e == nil {
		return ""
	}
	return e.text
}

// attribute is empty where there is none, also of nil.
func (e *element) attribute(name string) string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.attributes[name])
}

// values are the texts of all children of a name that have one.
func (e *element) values(name string) []string {
	var list []string
	for _, c := range e.children {
		if c.name == name && c.text != "" {
			list = append(list, c.text)
		}
	}
	return list
}

// words are values in lower case.
func (e *element) words(name string) []string {
	list := e.values(name)
	for i := range list {
		list[i] = strings.ToLower(list[i])
	}
	return list
}
