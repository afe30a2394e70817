package config

import (
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// FileVersion is the version of the form of all files of settings and of the site. A
// file may name the one that it is written for; one that names none is of this version.
const FileVersion = 1

// versionKey is the key that every version of the files has.
const versionKey = "version"

// version refuses a file of a newer version as a whole: what else is wrong with it is
// unknown to this one.
func (d *decoder) version(e *ast.MappingValueNode) {
	var n int
	before := len(d.faults)
	d.value(e.Value, reflect.ValueOf(&n).Elem(), versionKey)
	switch {
	case len(d.faults) > before:
	case n < 1:
		d.fault(lineOf(e), versionKey, "%d is no version; this understudy reads %d", n, FileVersion)
	case n > FileVersion:
		d.newer = &Fault{Line: lineOf(e), Text: fmt.Sprintf("is of version %d, and this understudy reads up to %d; nothing was changed. "+
			"Start the newer version of understudy, or put the file back that was used with this one", n, FileVersion)}
	}
}
