package xmlservice

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// charset reads the encodings that clients declare besides UTF-8.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	case "iso-8859-1", "latin1", "iso_8859-1":
		return &singleBytes{in: bufio.NewReader(in), upper: latin1}, nil
	case "windows-1252", "cp1252":
		return &singleBytes{in: bufio.NewReader(in), upper: windows1252}, nil
	}
	return nil, fmt.Errorf("its encoding %q is none of UTF-8, ISO-8859-1 and windows-1252", label)
}

// singleBytes turns an encoding of one byte a character into UTF-8.
type singleBytes struct {
	in    *bufio.Reader
	upper func(byte) rune
	rest  []byte
	room  [utf8.UTFMax]byte
}

// Read gives at least one byte, or an error.
func (s *singleBytes) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		if len(s.rest) == 0 {
			if n > 0 && s.in.Buffered() == 0 {
				break
			}
			c, err := s.in.ReadByte()
			if err != nil {
				if n > 0 {
					break
				}
				return 0, err
			}
			s.rest = utf8.AppendRune(s.room[:0], s.upper(c))
		}
		took := copy(p[n:], s.rest)
		n, s.rest = n+took, s.rest[took:]
	}
	return n, nil
}

func latin1(c byte) rune { return rune(c) }

// in1252 are the characters from 0x80 on in which windows-1252 is not ISO-8859-1; the
// five that it leaves out are what they are there.
const in1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ"

func windows1252(c byte) rune {
	if c < 0x80 || c > 0x9f {
		return rune(c)
	}
	return []rune(in1252)[c-0x80]
}
