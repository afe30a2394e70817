//go:build linux

package e2e_test

import enc "encoding/binary"

// forwarder is a library for Windows that has one function and takes it from another
// library: an image with nothing but a table of exports.
func forwarder(name, function, from string) []byte {
	const (
		headers  = 0x200  // in the file, and the size of the one section behind them
		address  = 0x1000 // of that section
		nameAt   = 0x40
		exportAt = 0x60
		fromAt   = 0x80
	)
	le := enc.LittleEndian
	image := make([]byte, 2*headers)
	copy(image, "MZ")
	le.PutUint32(image[0x3c:], 0x40)
	copy(image[0x40:], "PE\x00\x00")
	set16(image[0x44:], map[int]uint16{0: 0x8664, 2: 1, 16: 240, 18: 0x2022}) // x86-64, a section, a library

	optional := image[0x58:]
	set16(optional, map[int]uint16{0: 0x20b, 40: 6, 48: 6, 68: 3, 70: 0x100})
	le.PutUint64(optional[24:], 0x180000000)
	set32(optional, map[int]uint32{32: address, 36: headers, 56: 2 * address, 60: headers, 108: 16, 112: address, 116: fromAt + 0x40})

	section := optional[240:]
	copy(section, ".edata")
	set32(section, map[int]uint32{8: headers, 12: address, 16: headers, 20: headers, 36: 0x40000040})

	exports := image[headers:]
	set32(exports, map[int]uint32{
		12: address + nameAt, 16: 1, 20: 1, 24: 1, 28: address + 0x28, 32: address + 0x2c, 36: address + 0x30,
		0x28: address + fromAt, 0x2c: address + exportAt,
	})
	copy(exports[nameAt:], name)
	copy(exports[exportAt:], function)
	copy(exports[fromAt:], from)
	return image
}

func set16(b []byte, values map[int]uint16) {
	for at, v := range values {
		enc.LittleEndian.PutUint16(b[at:], v)
	}
}

func set32(b []byte, values map[int]uint32) {
	for at, v := range values {
		enc.LittleEndian.PutUint32(b[at:], v)
	}
}
