package xmlservice

import (
	"errors"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// ctx1Key is what ctx1 mixes into each byte.
const ctx1Key = 0xa5

var errCtx1 = errors.New("the password is not in ctx1")

// Ctx1 hides a text from a glance, as StoreFronts do: it is no encryption.
func Ctx1(text string) string {
	var out []byte
	last := byte(0)
	for _, unit := range utf16.Encode([]rune(text)) {
		for _, c := range [2]byte{byte(unit), byte(unit >> 8)} {
			last = c ^ ctx1Key ^ last
			out = append(out, 'A'+last>>4, 'A'+last&15)
		}
	}
	return string(out)
}

// fromCtx1 reads what Ctx1 writes.
func fromCtx1(hidden string) (string, error) {
	if len(hidden)%4 != 0 {
		return "", errCtx1
	}
	var units []uint16
	last := byte(0)
	for i := 0; i < len(hidden); i += 4 {
		var pair [2]byte
		for j := range pair {
			high, low := hidden[i+2*j]-'A', hidden[i+2*j+1]-'A'
			if high > 15 || low > 15 {
				return "", errCtx1
			}
			mixed := high<<4 | low
			pair[j], last = mixed^ctx1Key^last, mixed
		}
		units = append(units, uint16(pair[0])|uint16(pair[1])<<8)
	}
	text := utf16.Decode(units)
	if slices.Contains(text, utf8.RuneError) {
		return "", errCtx1
	}
	return string(text), nil
}
