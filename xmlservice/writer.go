package xmlservice

import (
	"strings"
	"unicode/utf8"
)

// ContentType is that of requests and answers.
const ContentType = "text/xml"

// writer writes elements. Some clients look for bytes and not for elements: an empty
// one is written in the way that they know, and attributes come as they are given.
type writer struct{ b strings.Builder }

// document begins an answer and ends it.
func document(root, dtd, version string, inner func(*writer)) []byte {
	var w writer
	w.b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<!DOCTYPE " + root + ` SYSTEM "` + dtd + `">` + "\n")
	w.with(root, inner, "version", version)
	w.b.WriteString("\n")
	return []byte(w.b.String())
}

// with writes an element around others.
func (w *writer) with(name string, inner func(*writer), attributes ...string) {
	w.begin(name, attributes)
	w.b.WriteByte('>')
	inner(w)
	w.end(name)
}

func (w *writer) end(name string) {
	w.b.WriteString("</")
	w.b.WriteString(name)
	w.b.WriteByte('>')
}

// text writes an element with a text.
func (w *writer) text(name, text string, attributes ...string) {
	w.begin(name, attributes)
	w.b.WriteByte('>')
	w.escape(text)
	w.end(name)
}

// empty writes an element that closes itself.
func (w *writer) empty(name string, attributes ...string) {
	w.begin(name, attributes)
	w.b.WriteString("/>")
}

func (w *writer) begin(name string, attributes []string) {
	w.b.WriteByte('<')
	w.b.WriteString(name)
	for i := 0; i+1 < len(attributes); i += 2 {
		w.b.WriteByte(' ')
		w.b.WriteString(attributes[i])
		w.b.WriteString(`="`)
		w.escape(attributes[i+1])
		w.b.WriteByte('"')
	}
}

// escape writes a text so that it is one wherever it stands. What XML cannot say is
// replaced.
func (w *writer) escape(text string) {
	if plainText(text) {
		w.b.WriteString(text)
		return
	}
	for _, r := range text {
		switch {
		case r == '&':
			w.b.WriteString("&amp;")
		case r == '<':
			w.b.WriteString("&lt;")
		case r == '>':
			w.b.WriteString("&gt;")
		case r == '"':
			w.b.WriteString("&quot;")
		case r == '\n', r == '\r', r == '\t':
			w.b.WriteString(map[rune]string{'\n': "&#10;", '\r': "&#13;", '\t': "&#9;"}[r])
		case r < ' ', r == 0xfffe, r == 0xffff:
			w.b.WriteRune(utf8.RuneError)
		default:
			w.b.WriteRune(r)
		}
	}
}

// plainText reports whether a text is written as it is: nearly every one.
func plainText(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c >= utf8.RuneSelf, c == '&', c == '<', c == '>', c == '"':
			return false
		}
	}
	return true
}
