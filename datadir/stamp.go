package datadir

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Stamp is what an SQLite file says of itself: whose it is, and the version of its
// format.
type Stamp struct {
	Application, Version int
}

// ErrNoStamp says that a file is no SQLite database.
var ErrNoStamp = errors.New("not an SQLite database")

// Places in the header of a database.
const (
	headerSize    = 100
	headerVersion = 60 // user_version
	headerApp     = 68 // application_id
)

// ReadStamp reads the stamp of a database without SQLite, which makes files beside
// what it opens. After a crash the header may be in the log beside the database only.
func ReadStamp(path string) (Stamp, error) {
	header, err := headOf(path)
	if err != nil {
		return Stamp{}, fmt.Errorf("read the header of %s: %w", path, err)
	}
	logged, err := loggedHeader(path + "-wal")
	if err != nil {
		return Stamp{}, fmt.Errorf("read the log of %s: %w", path, err)
	}
	if logged != nil {
		header = logged
	}
	return Stamp{Application: number(header[headerApp:]), Version: number(header[headerVersion:])}, nil
}

func number(b []byte) int { return int(int32(binary.BigEndian.Uint32(b))) }

func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, syscall.ENOTDIR) {
		return nil, fs.ErrNotExist // what is wrong with the folder says who locks it
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	header := make([]byte, headerSize)
	_, err = io.ReadFull(f, header)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || err == nil && !bytes.HasPrefix(header, []byte("SQLite format 3\x00")) {
		return nil, ErrNoStamp
	}
	return header, err
}

// loggedHeader returns the newest header that a transaction in the log has committed,
// nil where there is none.
func loggedHeader(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l, err := openWriteLog(bufio.NewReaderSize(f, 64<<10))
	if l == nil || err != nil {
		return nil, err
	}
	return l.header()
}

// The write-ahead log of SQLite: a head, and frames of a head and a page each.
const (
	logMagic      = 0x377f0682 // the lowest bit tells big-endian sums
	logHeadSize   = 32
	frameHeadSize = 24
)

// writeLog reads the frames of a log for as long as they count: their salts are those
// of the log, and the sums go on from the frame before.
type writeLog struct {
	from  io.Reader
	order binary.ByteOrder
	salt  []byte
	sums  [2]uint32
	head  []byte // of a frame
	page  []byte
}

// openWriteLog returns nil for a log in which nothing counts.
func openWriteLog(r io.Reader) (*writeLog, error) {
	head := make([]byte, logHeadSize)
	if ok, err := whole(r, head); !ok {
		return nil, err
	}
	magic, size := binary.BigEndian.Uint32(head), binary.BigEndian.Uint32(head[8:])
	if magic&^1 != logMagic || size < 512 || size > 64<<10 {
		return nil, nil
	}
	l := &writeLog{from: r, order: binary.LittleEndian, salt: head[16:24], head: make([]byte, frameHeadSize), page: make([]byte, size)}
	if magic&1 == 1 {
		l.order = binary.BigEndian
	}
	l.add(head[:24])
	if !l.sumsAre(head[24:]) {
		return nil, nil
	}
	return l, nil
}

func (l *writeLog) header() ([]byte, error) {
	var committed, pending []byte
	for {
		if ok, err := l.next(); !ok {
			return committed, err
		}
		if binary.BigEndian.Uint32(l.head) == 1 { // the page with the header
			pending = bytes.Clone(l.page[:headerSize])
		}
		if binary.BigEndian.Uint32(l.head[4:]) != 0 && pending != nil { // a commit
			committed = pending
		}
	}
}

func (l *writeLog) next() (bool, error) {
	for _, part := range [][]byte{l.head, l.page} {
		if ok, err := whole(l.from, part); !ok {
			return false, err
		}
	}
	l.add(l.head[:8])
	l.add(l.page)
	return bytes.Equal(l.head[8:16], l.salt) && l.sumsAre(l.head[16:]), nil
}

func (l *writeLog) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		l.sums[0] += l.order.Uint32(b) + l.sums[1]
		l.sums[1] += l.order.Uint32(b[4:]) + l.sums[0]
	}
}

func (l *writeLog) sumsAre(b []byte) bool {
	return binary.BigEndian.Uint32(b) == l.sums[0] && binary.BigEndian.Uint32(b[4:]) == l.sums[1]
}

// whole fills b; false without an error is the end.
func whole(r io.Reader, b []byte) (bool, error) {
	_, err := io.ReadFull(r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return false, nil
	}
	return err == nil, err
}
