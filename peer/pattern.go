package peer

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"

	"understudy/wire"
)

// pattern is the text of a heartbeat but for the numbers of heartbeats in it: its
// own and those that it echoes. Who has nothing new to say changes only these, and
// then nothing else of a line need be read.
type pattern struct {
	facts  wire.Facts
	parts  [][]byte // around the numbers
	echoes []int    // which of facts.Heard each number but the first belongs to
}

// maxDigits keeps a number within 64 bits.
const maxDigits = 19

var numberKey = []byte(`"seq":`)

// newPattern finds the numbers in a line that says these facts; nil if it cannot
// tell them for sure.
func newPattern(line []byte, facts wire.Facts) *pattern {
	p := &pattern{facts: facts, parts: split(bytes.Clone(line))}
	for i, h := range facts.Heard {
		if h.Seq != 0 {
			p.echoes = append(p.echoes, i)
		}
	}
	if len(p.parts) != len(p.echoes)+2 || !p.proven() {
		return nil
	}
	return p
}

// split cuts the numbers of heartbeats out of a line.
func split(line []byte) [][]byte {
	var parts [][]byte
	from, at := 0, 0
	for {
		next := bytes.Index(line[at:], numberKey)
		if next < 0 {
			return append(parts, line[from:])
		}
		at += next + len(numberKey)
		if n := digits(line[at:]); n > 0 {
			parts = append(parts, line[from:at])
			from = at + n
		}
	}
}

func digits(text []byte) int {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return n
}

// proven puts other numbers into the line and reads all of it: the facts must then
// be these with those numbers, and nothing else.
func (p *pattern) proven() bool {
	const base = 7_000_001
	var line []byte
	numbers := make([]uint64, 0, len(p.parts)-1)
	for i, part := range p.parts[:len(p.parts)-1] {
		numbers = append(numbers, base+uint64(i))
		line = strconv.AppendUint(append(line, part...), numbers[i], 10)
	}
	var read wire.Facts
	if json.Unmarshal(append(line, p.parts[len(p.parts)-1]...), &read) != nil {
		return false
	}
	return reflect.DeepEqual(read, p.with(numbers))
}

// with are the facts with other numbers.
func (p *pattern) with(numbers []uint64) wire.Facts {
	f := p.facts
	f.Heard = slices.Clone(f.Heard)
	f.Seq = numbers[0]
	for i, at := range p.echoes {
		f.Heard[at].Seq = numbers[i+1]
	}
	return f
}

// line is the text of facts that are the same as the pattern's but for the numbers,
// if it can have one.
func (p *pattern) line(f wire.Facts) ([]byte, bool) {
	if p == nil || len(f.Heard) != len(p.facts.Heard) {
		return nil, false
	}
	size := 0
	for _, part := range p.parts {
		size += len(part) + maxDigits
	}
	line := strconv.AppendUint(append(make([]byte, 0, size), p.parts[0]...), f.Seq, 10)
	next := 0
	for i, h := range f.Heard {
		echoed := next < len(p.echoes) && p.echoes[next] == i
		if echoed != (h.Seq != 0) {
			return nil, false
		}
		if echoed {
			next++
			line = strconv.AppendUint(append(line, p.parts[next]...), h.Seq, 10)
		}
	}
	return append(line, p.parts[len(p.parts)-1]...), true
}

// read returns what a line says, if it is the same as before but for the numbers.
func (p *pattern) read(line []byte) (wire.Facts, bool) {
	if p == nil {
		return wire.Facts{}, false
	}
	numbers := make([]uint64, 0, 8)
	for _, part := range p.parts[:len(p.parts)-1] {
		rest, same := bytes.CutPrefix(line, part)
		n := digits(rest)
		if !same || n == 0 || n > maxDigits || n > 1 && rest[0] == '0' {
			return wire.Facts{}, false
		}
		number, _ := strconv.ParseUint(string(rest[:n]), 10, 64)
		numbers, line = append(numbers, number), rest[n:]
	}
	if !bytes.Equal(line, p.parts[len(p.parts)-1]) {
		return wire.Facts{}, false
	}
	return p.with(numbers), true
}
