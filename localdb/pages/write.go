package pages

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ReadWriterAt is a file.
type ReadWriterAt interface {
	io.ReaderAt
	io.WriterAt
}

// bufferSize is how much is written at once.
const bufferSize = 256 << 10

// Writer appends rows to empty tables of a file that nobody else has open.
type Writer struct {
	layout
	file   ReadWriterAt
	header [headerSize]byte
	buffer []byte
	begin  int64 // of the buffer in the file
}

// NewWriter reads the header of a file that SQLite made.
func NewWriter(file ReadWriterAt) (*Writer, error) {
	w := &Writer{file: file}
	if _, err := file.ReadAt(w.header[:], 0); err != nil {
		return nil, fmt.Errorf("read the header of the file: %w", err)
	}
	var err error
	if w.layout, err = readLayout(w.header[:]); err != nil {
		return nil, err
	}
	if w.number(atFormat) != newestFormat || w.number(atVacuum) != 0 || w.size != w.usable || w.number(atChanges) != w.number(atValidFor) {
		return nil, errors.New("the file has a form that is not written here")
	}
	w.begin = w.offset(w.pages + 1)
	w.buffer = make([]byte, 0, bufferSize+w.size)
	return w, nil
}

func (w *Writer) number(at int) uint32 { return binary.BigEndian.Uint32(w.header[at:]) }

// Close writes what is left and names the new pages in the header. The tables are
// closed before.
func (w *Writer) Close() error {
	if err := w.flush(); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(w.header[atPages:], w.pages)
	changes := w.number(atChanges) + 1
	binary.BigEndian.PutUint32(w.header[atChanges:], changes)
	binary.BigEndian.PutUint32(w.header[atValidFor:], changes)
	_, err := w.file.WriteAt(w.header[:], 0)
	return err
}

// add writes a page at the end of the file and returns its number.
func (w *Writer) add(page []byte) (uint32, error) {
	if w.pages++; w.locked(w.pages) {
		w.pages++
		w.buffer = append(w.buffer, make([]byte, w.size)...)
	}
	w.buffer = append(w.buffer, page...)
	if len(w.buffer) < bufferSize {
		return w.pages, nil
	}
	return w.pages, w.flush()
}

func (w *Writer) flush() error {
	_, err := w.file.WriteAt(w.buffer, w.begin)
	w.begin += int64(len(w.buffer))
	w.buffer = w.buffer[:0]
	return err
}

// Table is an empty table that gets rows, which are numbered from 1.
type Table struct {
	w     *Writer
	root  uint32
	rows  int64
	page  page
	below []child // of the level that is being written
	cell  []byte
}

// child is a page and the number of the last row in it or below it.
type child struct {
	page uint32
	last int64
}

// Table begins to fill the table with that root.
func (w *Writer) Table(root uint32) *Table {
	return &Table{w: w, root: root, page: newPage(w.layout)}
}

// Add writes the next row, and leaves r empty.
func (t *Table) Add(r *Row) error {
	record := r.take()
	local := t.w.local(len(record))
	t.cell = appendVarint(t.cell[:0], uint64(len(record)))
	t.cell = appendVarint(t.cell, uint64(t.rows+1))
	t.cell = append(t.cell, record[:local]...)
	if local < len(record) {
		first, err := t.overflow(record[local:])
		if err != nil {
			return err
		}
		t.cell = binary.BigEndian.AppendUint32(t.cell, first)
	}
	if !t.page.fits(t.cell, leafHeader) {
		if err := t.turn(); err != nil {
			return err
		}
	}
	t.page.add(t.cell, leafHeader)
	t.rows++
	return nil
}

// overflow writes the rest of a record, the last page first, so that each page can
// name the next.
func (t *Table) overflow(rest []byte) (next uint32, err error) {
	each := t.w.usable - 4
	for end := len(rest); end > 0 && err == nil; {
		begin := (end - 1) / each * each
		page := make([]byte, t.w.size)
		binary.BigEndian.PutUint32(page, next)
		copy(page[4:], rest[begin:end])
		next, err = t.w.add(page)
		end = begin
	}
	return next, err
}

// turn writes the full leaf and begins the next.
func (t *Table) turn() error {
	t.page.finish(leafTable)
	number, err := t.w.add(t.page.bytes)
	t.below = append(t.below, child{number, t.rows})
	t.page.clear()
	return err
}

// Close writes the pages above the leaves, and the root in its place.
func (t *Table) Close() error {
	if len(t.below) == 0 {
		t.page.finish(leafTable)
		return t.putRoot()
	}
	if err := t.turn(); err != nil {
		return err
	}
	for most := t.fan(); len(t.below) > most; {
		if err := t.level(most); err != nil {
			return err
		}
	}
	t.page.interior(t.below)
	return t.putRoot()
}

func (t *Table) putRoot() error {
	_, err := t.w.file.WriteAt(t.page.bytes, t.w.offset(t.root))
	return err
}

// fan is how many children a page has room for, whatever their numbers.
func (t *Table) fan() int { return (t.w.size-interiorHeader)/(2+4+9) + 1 }

// level writes the pages above those of the level below, filled evenly.
func (t *Table) level(most int) error {
	var above []child
	for groups := (len(t.below) + most - 1) / most; groups > 0; groups-- {
		n := len(t.below) / groups
		t.page.interior(t.below[:n])
		number, err := t.w.add(t.page.bytes)
		if err != nil {
			return err
		}
		above = append(above, child{number, t.below[n-1].last})
		t.below = t.below[n:]
	}
	t.below = above
	return nil
}

// page is one that gets cells from its end towards its beginning.
type page struct {
	bytes   []byte
	cells   int
	content int
}

func newPage(l layout) page { return page{bytes: make([]byte, l.size), content: l.size} }

func (p *page) clear() {
	clear(p.bytes)
	p.cells, p.content = 0, len(p.bytes)
}

func (p *page) fits(cell []byte, header int) bool {
	return header+2*(p.cells+1)+len(cell) <= p.content
}

func (p *page) add(cell []byte, header int) {
	p.content -= len(cell)
	copy(p.bytes[p.content:], cell)
	binary.BigEndian.PutUint16(p.bytes[header+2*p.cells:], uint16(p.content))
	p.cells++
}

func (p *page) finish(kind byte) {
	p.bytes[0] = kind
	binary.BigEndian.PutUint16(p.bytes[3:], uint16(p.cells))
	binary.BigEndian.PutUint16(p.bytes[5:], uint16(p.content)) // 65536 is written as 0
}

// interior makes a page of the children, of which the last has no cell.
func (p *page) interior(children []child) {
	p.clear()
	end := len(children) - 1
	var cell [13]byte
	for _, c := range children[:end] {
		binary.BigEndian.PutUint32(cell[:], c.page)
		p.add(appendVarint(cell[:4], uint64(c.last)), interiorHeader)
	}
	p.finish(interiorTable)
	binary.BigEndian.PutUint32(p.bytes[8:], children[end].page)
}
