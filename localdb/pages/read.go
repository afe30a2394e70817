package pages

import (
	"encoding/binary"
	"fmt"
	"io"
)

// deepest is more levels than any table has.
const deepest = 20

// Scan reads the table with that root, row by row in the order of their numbers. It
// trusts nothing in the file: what it calls row with may be nonsense, but is bounded.
func Scan(file io.ReaderAt, root uint32, row func(id int64, r *Record) error) error {
	var header [headerSize]byte
	if _, err := file.ReadAt(header[:], 0); err != nil {
		return fmt.Errorf("read the header of the file: %w", err)
	}
	l, err := readLayout(header[:])
	if err != nil {
		return err
	}
	s := &scan{layout: l, file: file, row: row}
	return s.page(root, 0)
}

// scan is one walk through a table.
type scan struct {
	layout
	file    io.ReaderAt
	row     func(int64, *Record) error
	read    uint32 // pages
	last    int64  // row
	some    bool   // a row was there
	levels  [deepest][]byte
	payload []byte
	record  Record
}

// load reads a page. As many pages as the file has are read at most, so that a
// table that leads back to itself ends.
func (s *scan) load(number uint32, into []byte) error {
	if s.read++; number == 0 || number > s.pages || s.read > s.pages {
		return fmt.Errorf("page %d of %d does not belong where it is", number, s.pages)
	}
	if _, err := s.file.ReadAt(into, s.offset(number)); err != nil {
		return fmt.Errorf("read page %d: %w", number, err)
	}
	return nil
}

func (s *scan) page(number uint32, level int) error {
	if level == deepest {
		return fmt.Errorf("the table is deeper than %d pages", deepest)
	}
	if s.levels[level] == nil {
		s.levels[level] = make([]byte, s.size)
	}
	page := s.levels[level]
	if err := s.load(number, page); err != nil {
		return err
	}
	if number == 1 {
		return fmt.Errorf("page 1 is of no table that is read here")
	}
	switch page[0] {
	case leafTable:
		return s.leaf(number, page[:s.usable])
	case interiorTable:
		return s.interior(number, page[:s.usable], level)
	}
	return fmt.Errorf("page %d is of no table", number)
}

// cell is where the i-th cell of a page begins, nothing if that is nowhere.
func cell(page []byte, header, i int) []byte {
	at := header + 2*i
	if at+2 > len(page) {
		return nil
	}
	begin := int(binary.BigEndian.Uint16(page[at:]))
	if begin < header || begin >= len(page) {
		return nil
	}
	return page[begin:]
}

func (s *scan) interior(number uint32, page []byte, level int) error {
	for i := range int(binary.BigEndian.Uint16(page[3:])) {
		c := cell(page, interiorHeader, i)
		if len(c) < 4 {
			return fmt.Errorf("cell %d of page %d is outside", i, number)
		}
		if err := s.page(binary.BigEndian.Uint32(c), level+1); err != nil {
			return err
		}
	}
	return s.page(binary.BigEndian.Uint32(page[8:]), level+1)
}

func (s *scan) leaf(number uint32, page []byte) error {
	for i := range int(binary.BigEndian.Uint16(page[3:])) {
		payload, id, err := s.open(cell(page, leafHeader, i))
		if err != nil {
			return fmt.Errorf("cell %d of page %d: %w", i, number, err)
		}
		if s.some && id <= s.last {
			return fmt.Errorf("cell %d of page %d: row %d comes after row %d", i, number, id, s.last)
		}
		s.last, s.some = id, true
		s.record.reset(payload)
		if err := s.row(id, &s.record); err != nil {
			return err
		}
	}
	return nil
}

// open returns the record in a cell and the number of its row.
func (s *scan) open(c []byte) ([]byte, int64, error) {
	length, n := varint(c)
	id, m := varint(c[n:])
	c = c[n+m:]
	if n == 0 || m == 0 || length > uint64(s.pages)*uint64(s.size) {
		return nil, 0, ErrRecord
	}
	local := s.local(int(length))
	if local > len(c) {
		return nil, 0, ErrRecord
	}
	if local == int(length) {
		return c[:local], int64(id), nil
	}
	if len(c) < local+4 {
		return nil, 0, ErrRecord
	}
	s.payload = append(s.payload[:0], c[:local]...)
	err := s.overflow(binary.BigEndian.Uint32(c[local:]), int(length)-local)
	return s.payload, int64(id), err
}

// overflow appends what is left of a record.
func (s *scan) overflow(number uint32, left int) error {
	page := make([]byte, s.size)
	for left > 0 {
		if err := s.load(number, page); err != nil {
			return err
		}
		n := min(left, s.usable-4)
		s.payload = append(s.payload, page[4:4+n]...)
		number, left = binary.BigEndian.Uint32(page), left-n
	}
	return nil
}
