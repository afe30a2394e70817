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

// readPlain reads a text that is one object. Where it fails, into is as it was.
func readPlain[T any](text []byte, into *T, field func(*plainReader, *T, []byte)) bool {
	var v T
	p := plainReader{rest: text}
	plainObject(&p, &v, field)
	p.space()
	if p.fails || len(p.rest) > 0 {
		return false
	}
	*into = v
	return true
}

// plainObject reads an object, the value of each field by a call with its name.
func plainObject[T any](p *plainReader, v *T, field func(*plainReader, *T, []byte)) {
	p.must('{')
	if p.next('}') {
		return
	}
	for !p.fails {
		name := p.raw()
		p.must(':')
		field(p, v, name)
		if p.next('}') {
			return
		}
		p.must(',')
	}
}

// plainList reads a list. A second one of the same name would be read into the
// first by encoding/json, so that may do it.
func plainList[T any](p *plainReader, was []T, item func(*plainReader, *T)) []T {
	p.fails = p.fails || was != nil
	p.must('[')
	list := []T{}
	if p.next(']') {
		return list
	}
	for !p.fails {
		var v T
		item(p, &v)
		list = append(list, v)
		if p.next(']') {
			return list
		}
		p.must(',')
	}
	return nil
}

// plainReader goes through a text. Once it has failed, nothing that it returns counts.
type plainReader struct {
	rest  []byte
	fails bool
}

func (p *plainReader) space() {
	for len(p.rest) > 0 && (p.rest[0] == ' ' || p.rest[0] == '\n' || p.rest[0] == '\r' || p.rest[0] == '\t') {
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
