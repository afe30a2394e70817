package config

import (
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// object reads a mapping into a struct. Keys that a merge key brings in give way
// to those written out, as YAML has it.
func (d *decoder) object(node ast.Node, v reflect.Value, path string) {
	entries, ok := entriesOf(node)
	if !ok {
		d.wrongType(node, path, "a mapping")
		return
	}
	first := map[string]int{}
	for _, e := range entries {
		if e.Key.IsMergeKey() {
			continue
		}
		key, line := e.Key.GetToken().Value, lineOf(e)
		if at, seen := first[key]; seen {
			d.fault(line, join(path, key), "is there already, on line %d", at)
			continue
		}
		first[key] = line
		d.field(e, v, path)
	}
	for _, e := range entries {
		if e.Key.IsMergeKey() {
			d.merge(e.Value, v, path, first)
		}
	}
}

func (d *decoder) merge(node ast.Node, v reflect.Value, path string, first map[string]int) {
	node, ok := d.resolve(node, path)
	if !ok || !d.enter(node, path) {
		return
	}
	defer d.leave()
	if list, ok := node.(*ast.SequenceNode); ok {
		for _, item := range list.Values {
			d.merge(item, v, path, first)
		}
		return
	}
	entries, ok := entriesOf(node)
	if !ok {
		d.wrongType(node, path, "a mapping")
		return
	}
	for _, e := range entries {
		key := e.Key.GetToken().Value
		if e.Key.IsMergeKey() {
			d.merge(e.Value, v, path, first)
		} else if _, seen := first[key]; !seen {
			first[key] = lineOf(e)
			d.field(e, v, path)
		}
	}
}

func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func (d *decoder) field(e *ast.MappingValueNode, v reflect.Value, path string) {
	key := e.Key.GetToken().Value
	place := join(path, key)
	d.lines[place] = lineOf(e)
	if place == versionKey {
		d.version(e)
		return
	}
	for i := range v.NumField() {
		if tagOf(v.Type().Field(i)) == key {
			d.value(e.Value, v.Field(i), place)
			return
		}
	}
	d.fault(lineOf(e), place, "unknown key; %s", known(v.Type()))
}

func tagOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func known(t reflect.Type) string {
	var keys []string
	for f := range t.Fields() {
		if tag := tagOf(f); tag != "" && tag != "-" {
			keys = append(keys, tag)
		}
	}
	slices.Sort(keys)
	return "known here: " + strings.Join(keys, ", ")
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// lineAt finds the line of a path, or of what encloses it where the path itself
// is not in the file.
func (d *decoder) lineAt(path string) int {
	for path != "" {
		if line, ok := d.lines[path]; ok {
			return line
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}
