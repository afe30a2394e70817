package wire

import (
	"time"

	"understudy/site"
)

// Bodies that come by the thousand are read without encoding/json while they are in
// plain words: known fields, texts of printable ASCII without escapes, whole numbers.
// Anything else fails here, and encoding/json reads it and says what is wrong.

// plain is a body that can be read so.
type plain interface{ readPlain(text []byte) bool }

// plainReader goes through a text. Once it has failed, nothing that it returns counts.
// Its methods call each other by name: a function that is handed in would have it, and
// what it fills in, allocated for each body.
type plainReader struct {
	rest  []byte
	first bool // nothing of the present object or list was read yet
	fails bool
}

// whole reports whether the text was read to its end, and all of it is plain.
func (p *plainReader) whole() bool {
	p.space()
	return !p.fails && len(p.rest) == 0
}

// open goes into an object or a list.
func (p *plainReader) open(begin byte) {
	p.must(begin)
	p.first = true
}

// more reports whether something is left before the end of the object or list.
func (p *plainReader) more(end byte) bool {
	first := p.first
	p.first = false
	if p.fails || p.next(end) {
		return false
	}
	if !first {
		p.must(',')
	}
	return !p.fails
}

// field is the name of what comes next in an object.
func (p *plainReader) field() []byte {
	name := p.raw()
	p.must(':')
	return name
}

// plainList goes into a list, for which it returns an empty one. A second one of the same
// name would be read into the first by encoding/json, so that may do it.
func plainList[T any](p *plainReader, was []T) []T {
	p.fails = p.fails || was != nil
	p.open('[')
	return []T{}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

func (p *plainReader) space() {
	for len(p.rest) > 0 && isSpace(p.rest[0]) {
		p.rest = p.rest[1:]
	}
}

// next goes past a byte, if it comes next.
func (p *plainReader) next(c byte) bool {
	p.space()
	if len(p.rest) == 0 || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

func (p *plainReader) must(c byte) { p.fails = !p.next(c) || p.fails }

// raw is what a text has between its quotes.
func (p *plainReader) raw() []byte {
	p.must('"')
	for i, c := range p.rest {
		if c == '"' {
			text := p.rest[:i]
			p.rest = p.rest[i+1:]
			return text
		}
		if !isPlain(c) {
			break
		}
	}
	p.fails = true
	return nil
}

func (p *plainReader) text() string { return string(p.raw()) }

func (p *plainReader) name() site.FQDN {
	text := p.text()
	if text == "" {
		return ""
	}
	name, err := site.ParseFQDN(text)
	p.fails = p.fails || err != nil
	return name
}

// maxDigits fit into 64 bits, whichever they are.
const maxDigits = 18

// long is a whole number without a sign.
func (p *plainReader) long() uint64 {
	p.space()
	n, digits := uint64(0), 0
	for digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		n = n*10 + uint64(p.rest[digits]-'0')
		digits++
	}
	p.fails = p.fails || digits == 0 || digits > maxDigits || digits > 1 && p.rest[0] == '0'
	p.rest = p.rest[digits:]
	return n
}

func (p *plainReader) number() int { return int(p.long()) }

func (p *plainReader) flag() bool {
	p.space()
	for _, word := range [...]string{"true", "false"} {
		if len(p.rest) >= len(word) && string(p.rest[:len(word)]) == word {
			p.rest = p.rest[len(word):]
			return word == "true"
		}
	}
	p.fails = true
	return false
}

func (p *plainReader) time() time.Time {
	var t time.Time
	p.fails = t.UnmarshalText(p.raw()) != nil || p.fails
	return t
}
