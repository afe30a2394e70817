// Package pages reads and writes whole tables of an SQLite file page by page, without
// SQL: the three lists of a site that have hundreds of thousands of rows. Making and
// checking everything else of a file is SQLite's, and what was written here is looked
// over by it. The format is that of sqlite.org/fileformat2.html, which its authors keep
// readable until 2050. Only localdb uses the package.
package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Offsets in the header of a file, and what is in a page.
const (
	headerSize   = 100
	atPageSize   = 16
	atReserved   = 20
	atChanges    = 24
	atPages      = 28
	atFormat     = 44
	atVacuum     = 52
	atValidFor   = 92
	magic        = "SQLite format 3\x00"
	newestFormat = 4

	leafTable      = 0x0d
	interiorTable  = 0x05
	leafHeader     = 8
	interiorHeader = 12

	// lockedByte is where SQLite locks files; the page that holds it has no content.
	lockedByte = 1 << 30
)

// layout is what the header says of a file's pages.
type layout struct {
	size   int // of a page
	usable int // less what is reserved at its end
	pages  uint32
}

// readLayout reads the header of a file.
func readLayout(header []byte) (layout, error) {
	if len(header) < headerSize || string(header[:len(magic)]) != magic {
		return layout{}, errors.New("the file is no database")
	}
	l := layout{size: int(binary.BigEndian.Uint16(header[atPageSize:])), pages: binary.BigEndian.Uint32(header[atPages:])}
	if l.size == 1 {
		l.size = 1 << 16
	}
	l.usable = l.size - int(header[atReserved])
	if l.size < 512 || l.size&(l.size-1) != 0 || l.usable < 480 {
		return layout{}, fmt.Errorf("pages of %d bytes", l.size)
	}
	return l, nil
}

// local is how much of a payload is in its cell; the rest is in overflow pages.
func (l layout) local(payload int) int {
	most := l.usable - 35
	if payload <= most {
		return payload
	}
	least := (l.usable-12)*32/255 - 23
	if k := least + (payload-least)%(l.usable-4); k <= most {
		return k
	}
	return least
}

// offset is where a page begins.
func (l layout) offset(page uint32) int64 { return int64(page-1) * int64(l.size) }

// locked reports whether a page is the one that holds no content.
func (l layout) locked(page uint32) bool { return l.offset(page) == lockedByte }

// appendVarint appends a number in SQLite's form: seven bits a byte, the first ones
// first, and all eight of a ninth byte.
func appendVarint(b []byte, v uint64) []byte {
	if v < 0x80 {
		return append(b, byte(v))
	}
	if v >= 1<<56 {
		for shift := 57; shift > 0; shift -= 7 {
			b = append(b, byte(v>>shift)|0x80)
		}
		return append(b, byte(v))
	}
	shift := 7
	for v>>shift >= 0x80 {
		shift += 7
	}
	for ; shift > 0; shift -= 7 {
		b = append(b, byte(v>>shift)|0x80)
	}
	return append(b, byte(v)&0x7f)
}

// varint reads a number and returns its length, 0 where there is none.
func varint(b []byte) (uint64, int) {
	var v uint64
	for i := range min(len(b), 9) {
		if i == 8 {
			return v<<8 | uint64(b[i]), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
