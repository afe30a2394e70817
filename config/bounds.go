package config

import (
	"bytes"

	"github.com/goccy/go-yaml/ast"
)

// Bounds of a file: what the parser takes for nested values grows with the square of the
// depth, and a few lines of merge keys can stand for more than there is time for.
const (
	maxNested  = 1000
	maxMerging = 100
	maxMerges  = 1 << 20
)

// tooDeep returns the line on which brackets or dashes nest too deep, or 0. It takes
// those in texts for more than they are, which does no harm in so large a number.
func tooDeep(data []byte) int {
	open, number := 0, 0
	for line := range bytes.Lines(data) {
		number++
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			}
			if open > maxNested {
				return number
			}
		}
		if dashes(line) > maxNested {
			return number
		}
	}
	return 0
}

// dashes are those of lists in lists on one line.
func dashes(line []byte) int {
	n := 0
	for found := true; found; n++ {
		line, found = bytes.CutPrefix(bytes.TrimLeft(line, " "), []byte("- "))
	}
	return n - 1
}

// bounds counts merge keys: all of them, and those that one stands for now.
type bounds struct {
	merges, merging int
	told            bool
}

// enter reports whether there is room for one more; leave is to follow.
func (d *decoder) enter(node ast.Node, path string) bool {
	if d.merging == maxMerging || d.merges == maxMerges {
		if !d.told {
			d.fault(lineOf(node), path, "merge keys nest more than %d deep, or there are more than %d", maxMerging, maxMerges)
		}
		d.told = true
		return false
	}
	d.merges, d.merging = d.merges+1, d.merging+1
	return true
}

func (d *decoder) leave() { d.merging-- }
