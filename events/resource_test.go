package events_test

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"understudy/events"
)

// The Go linker puts what is in these objects into programs for Windows: a message table,
// from which the event log there has the texts of events.
var objects = map[string]machine{
	"messages_windows_amd64.syso": {pe.IMAGE_FILE_MACHINE_AMD64, 3}, // IMAGE_REL_AMD64_ADDR32NB
	"messages_windows_arm64.syso": {pe.IMAGE_FILE_MACHINE_ARM64, 2}, // IMAGE_REL_ARM64_ADDR32NB
}

// machine is a processor, and what it calls an address from where the image begins.
type machine struct{ name, address uint16 }

// Numbers of Windows.
const (
	typeMessageTable = 11
	languageEnglish  = 0x409
	isFolder         = 0x80000000
	isUTF16          = 1
	// resource is the offset of the table in its section: behind three folders of one
	// entry each and the record that says where it is.
	resource = 3*24 + 16
)

// plain are lines that are no event: all they say is inserted.
var plain = []events.Kind{{Code: 1}, {Code: 2}, {Code: 3}}

// Issue 6: "an event-log source with a message table in the exe (so that 3502 shows its
// text)".
func TestMessageTableIsTheCatalogue(t *testing.T) {
	for name, m := range objects {
		want := object(m, messageTable(messages()))
		got, err := os.ReadFile(name)
		if bytes.Equal(got, want) {
			continue
		}
		if !*update {
			t.Fatalf("%s is not of the catalogue (%v); go test ./events -update writes it", name, err)
		}
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What was written is read as Windows reads it.
func TestMessageTableReadsBack(t *testing.T) {
	want := map[uint32]string{}
	for _, k := range messages() {
		want[uint32(k.Code)] = message(k)
	}
	for name, m := range objects {
		file, err := pe.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close() //nolint:errcheck // it was only read
		section := file.Section(".rsrc")
		if file.Machine != m.name || section == nil || len(section.Relocs) != 1 || section.Relocs[0].VirtualAddress != 3*24 {
			t.Fatalf("%s: machine %#x, section %v, want %#x and .rsrc with one relocation", name, file.Machine, section, m.name)
		}
		data, err := section.Data()
		if err != nil {
			t.Fatal(err)
		}
		if got := readTable(t, resourceIn(t, data)); len(got) != len(want) {
			t.Errorf("%s has %d messages, want %d", name, len(got), len(want))
		} else {
			for code, text := range want {
				if got[code] != text {
					t.Errorf("%s: %d is %q, want %q", name, code, got[code], text)
				}
			}
		}
	}
	if !strings.Contains(want[3502], "An outage began") {
		t.Errorf("3502 is %q", want[3502])
	}
}

// messages are the catalogue and the plain lines, by their numbers.
func messages() []events.Kind {
	all := slices.Concat(plain, events.Catalogue())
	slices.SortFunc(all, func(a, b events.Kind) int { return a.Code - b.Code })
	return all
}

// message is the text with a place for what is inserted; a percent sign stands for itself
// when it is doubled.
func message(k events.Kind) string {
	if k.Meaning == "" {
		return "%1\r\n"
	}
	return strings.ReplaceAll(k.Meaning, "%", "%%") + "\r\n\r\n%1\r\n"
}

// messageTable is a MESSAGE_RESOURCE_DATA: blocks of successive numbers, each with the
// place of its entries.
func messageTable(all []events.Kind) []byte {
	blocks := chunks(all)
	le := binary.LittleEndian
	head := le.AppendUint32(nil, uint32(len(blocks)))
	var entries []byte
	for _, block := range blocks {
		head = le.AppendUint32(head, uint32(block[0].Code))
		head = le.AppendUint32(head, uint32(block[len(block)-1].Code))
		head = le.AppendUint32(head, uint32(4+12*len(blocks)+len(entries)))
		for _, k := range block {
			entries = append(entries, entry(message(k))...)
		}
	}
	return append(head, entries...)
}

// chunks parts kinds where a number is missing.
func chunks(all []events.Kind) [][]events.Kind {
	var blocks [][]events.Kind
	for i, k := range all {
		if i == 0 || all[i-1].Code+1 != k.Code {
			blocks = append(blocks, nil)
		}
		last := len(blocks) - 1
		blocks[last] = append(blocks[last], k)
	}
	return blocks
}

// entry is a MESSAGE_RESOURCE_ENTRY, filled up to four bytes.
func entry(text string) []byte {
	le := binary.LittleEndian
	var units []byte
	for _, unit := range utf16.Encode([]rune(text + "\x00")) {
		units = le.AppendUint16(units, unit)
	}
	units = append(units, make([]byte, -len(units)&3)...)
	return append(le.AppendUint16(le.AppendUint16(nil, uint16(4+len(units))), isUTF16), units...)
}

// object is a COFF object with one section: the folders of resources, which lead to the
// table by its type, its number and its language.
func object(m machine, table []byte) []byte {
	var section bytes.Buffer
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			_ = binary.Write(b, binary.LittleEndian, v) // into memory
		}
	}
	folder := func(id, next uint32) {
		put(&section, [3]uint32{}, uint16(0), uint16(1), id, next)
	}
	folder(typeMessageTable, isFolder|24)
	folder(1, isFolder|48)
	folder(languageEnglish, 72)
	put(&section, uint32(resource), uint32(len(table)), [2]uint32{})
	section.Write(table)
	section.Write(make([]byte, -section.Len()&3))

	var file bytes.Buffer
	const header, relocation, symbol = 20 + 40, 10, 18
	relocations := uint32(header + section.Len())
	put(&file, m.name, uint16(1), uint32(0), relocations+relocation, uint32(1), uint16(0), uint16(0))
	put(&file, [8]byte{'.', 'r', 's', 'r', 'c'}, [2]uint32{}, uint32(section.Len()), uint32(header), relocations, uint32(0),
		uint16(1), uint16(0), uint32(pe.IMAGE_SCN_CNT_INITIALIZED_DATA|pe.IMAGE_SCN_MEM_READ))
	file.Write(section.Bytes())
	put(&file, uint32(72), uint32(0), m.address)
	put(&file, [8]byte{'.', 'r', 's', 'r', 'c'}, uint32(0), int16(1), uint16(0), uint8(3), uint8(0))
	put(&file, uint32(4)) // no long names
	return file.Bytes()
}

// resourceIn follows the folders of a section to the one resource in it.
func resourceIn(t testing.TB, section []byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	at := uint32(0)
	for _, want := range []uint32{typeMessageTable, 1, languageEnglish} {
		if names, ids := le.Uint16(section[at+12:]), le.Uint16(section[at+14:]); names != 0 || ids != 1 {
			t.Fatalf("a folder has %d names and %d numbers, want 0 and 1", names, ids)
		}
		if id := le.Uint32(section[at+16:]); id != want {
			t.Fatalf("a folder leads to %d, want %d", id, want)
		}
		at = le.Uint32(section[at+20:]) &^ isFolder
	}
	from, size := le.Uint32(section[at:]), le.Uint32(section[at+4:])
	return section[from : from+size]
}

func readTable(t testing.TB, table []byte) map[uint32]string {
	t.Helper()
	le := binary.LittleEndian
	got := map[uint32]string{}
	last := uint32(0)
	for i := range le.Uint32(table) {
		block := table[4+12*i:]
		low, high, at := le.Uint32(block), le.Uint32(block[4:]), le.Uint32(block[8:])
		if low <= last || high < low {
			t.Fatalf("block %d to %d after %d: Windows looks for a number by halves", low, high, last)
		}
		for code := low; code <= high; code++ {
			length := uint32(le.Uint16(table[at:]))
			got[code] = readText(table[at+4 : at+length])
			at += length
		}
		last = high
	}
	return got
}

func readText(b []byte) string {
	var units []uint16
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.LittleEndian.Uint16(b))
	}
	text, _, _ := strings.Cut(string(utf16.Decode(units)), "\x00")
	return fmt.Sprint(text)
}
