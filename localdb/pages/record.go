package pages

import (
	"encoding/binary"
	"errors"
	"math"
)

// Row builds the record of one row, column by column.
type Row struct{ types, values, record []byte }

// Null adds a column that is NULL, as that of a row's number is.
func (r *Row) Null() { r.types = append(r.types, 0) }

// Text adds a column of text.
func (r *Row) Text(s string) {
	r.types = appendVarint(r.types, uint64(13+2*len(s)))
	r.values = append(r.values, s...)
}

// Int adds a column with a number.
func (r *Row) Int(n int64) {
	kind, size := kindOf(n)
	r.types = append(r.types, kind)
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		r.values = append(r.values, byte(n>>shift))
	}
}

// kindOf is the smallest type that holds a number, and its size.
func kindOf(n int64) (kind byte, size int) {
	switch {
	case n == 0 || n == 1:
		return byte(8 + n), 0
	case n >= math.MinInt8 && n <= math.MaxInt8:
		return 1, 1
	case n >= math.MinInt16 && n <= math.MaxInt16:
		return 2, 2
	case n >= -1<<23 && n < 1<<23:
		return 3, 3
	case n >= math.MinInt32 && n <= math.MaxInt32:
		return 4, 4
	case n >= -1<<47 && n < 1<<47:
		return 5, 6
	}
	return 6, 8
}

// take returns the record and begins a new one. The record is valid until the next.
func (r *Row) take() []byte {
	// The header's size counts itself.
	size := uint64(len(r.types) + 1)
	if size >= 0x80 {
		size++
	}
	r.record = appendVarint(r.record[:0], size)
	r.record = append(append(r.record, r.types...), r.values...)
	r.types, r.values = r.types[:0], r.values[:0]
	return r.record
}

// Record is a row that is read column by column. After a column that is not what
// was asked for all others are empty, and Err says so.
type Record struct {
	types, values []byte
	bad           bool
}

// ErrRecord says that a row is not of the form that its table has.
var ErrRecord = errors.New("a row is damaged")

// Err returns ErrRecord if any column was not what was asked for.
func (r *Record) Err() error {
	if r.bad {
		return ErrRecord
	}
	return nil
}

func (r *Record) reset(payload []byte) {
	size, n := varint(payload)
	r.bad = n == 0 || size < uint64(n) || size > uint64(len(payload))
	if !r.bad {
		r.types, r.values = payload[n:size], payload[size:]
	}
}

// next takes the type of a column and so many bytes of its value.
func (r *Record) next(size func(kind uint64) (int, bool)) (uint64, []byte) {
	kind, n := varint(r.types)
	length, ok := size(kind)
	if r.bad = r.bad || n == 0 || !ok || length > len(r.values); r.bad {
		return 0, nil
	}
	value := r.values[:length]
	r.types, r.values = r.types[n:], r.values[length:]
	return kind, value
}

// Skip passes over a column that is NULL.
func (r *Record) Skip() {
	r.next(func(kind uint64) (int, bool) { return 0, kind == 0 })
}

// Text reads a column of text, nothing where it is NULL. It is valid until the next row.
func (r *Record) Text() []byte {
	_, value := r.next(func(kind uint64) (int, bool) {
		if kind == 0 {
			return 0, true
		}
		return int(min((kind-13)/2, math.MaxInt32)), kind >= 13 && kind%2 == 1
	})
	return value
}

// Int reads a column with a number.
func (r *Record) Int() int64 {
	kind, value := r.next(func(kind uint64) (int, bool) {
		if kind > 9 {
			return 0, false
		}
		return [10]int{0, 1, 2, 3, 4, 6, 8, 0, 0, 0}[kind], kind != 0 && kind != 7
	})
	if kind >= 8 {
		return int64(kind - 8)
	}
	var full [8]byte
	if len(value) > 0 && value[0] >= 0x80 {
		full = [8]byte{255, 255, 255, 255, 255, 255, 255, 255}
	}
	copy(full[8-len(value):], value)
	return int64(binary.BigEndian.Uint64(full[:]))
}
