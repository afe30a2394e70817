package config

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"understudy/wire"
)

// decoder walks a YAML tree next to a Go value. The library's own strict mode
// stops at the first fault; this one gathers all of them.
type decoder struct {
	faults  []Fault
	newer   *Fault         // the file is of a newer version: nothing else is said of it
	lines   map[string]int // the line of each path
	anchors map[string]ast.Node
	bounds
}

// decode reads one YAML document into v, by its json tags.
func decode(data []byte, v any) *decoder {
	d := &decoder{lines: map[string]int{}, anchors: map[string]ast.Node{}}
	if line := tooDeep(data); line > 0 {
		d.fault(line, "", "is nested more than %d deep", maxNested)
		return d
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.syntax(err)
		return d
	}
	if body := d.body(file); body != nil {
		d.value(body, reflect.ValueOf(v).Elem(), "")
	}
	if d.newer != nil {
		d.faults = []Fault{*d.newer}
	}
	return d
}

func (d *decoder) syntax(err error) {
	if e, ok := errors.AsType[yaml.Error](err); ok && e.GetToken() != nil {
		d.fault(e.GetToken().Position.Line, "", "is not YAML: %s", e.GetMessage())
		return
	}
	d.fault(0, "", "is not YAML: %v", err)
}

func (d *decoder) body(file *ast.File) ast.Node {
	if len(file.Docs) > 1 {
		line := 0
		if start := file.Docs[1].Start; start != nil {
			line = start.Position.Line
		}
		d.fault(line, "", "the file holds more than one document")
		return nil
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil || file.Docs[0].Body.Type() == ast.NullType {
		d.fault(0, "", "the file is empty")
		return nil
	}
	return file.Docs[0].Body
}

func (d *decoder) fault(line int, path, format string, args ...any) {
	d.faults = append(d.faults, Fault{Line: line, Path: wire.Clip(path), Text: wire.Clip(fmt.Sprintf(format, args...))})
}

func (d *decoder) value(node ast.Node, v reflect.Value, path string) {
	node, ok := d.resolve(node, path)
	if !ok || node == nil || node.Type() == ast.NullType {
		return // a key without a value says nothing
	}
	if text, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.text(node, text, path)
		return
	}
	if s, ok := reflect.TypeAssert[shortened](v.Addr()); ok && describe(node) == "text" {
		d.text(node, s.short(), path)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		to := reflect.New(v.Type().Elem())
		d.value(node, to.Elem(), path)
		v.Set(to)
	case reflect.Struct:
		d.object(node, v, path)
	case reflect.Slice:
		d.list(node, v, path)
	default:
		d.scalar(node, v, path)
	}
}

// shortened is an object that a text may stand for.
type shortened interface {
	// short is the part that the text is.
	short() encoding.TextUnmarshaler
}

// resolve looks through anchors and aliases. Aliases cannot go round in circles
// for ever, because every step into the tree is one into a type of finite depth.
func (d *decoder) resolve(node ast.Node, path string) (ast.Node, bool) {
	for range 100 {
		switch n := node.(type) {
		case *ast.AnchorNode:
			d.anchors[n.Name.GetToken().Value] = n.Value
			node = n.Value
		case *ast.AliasNode:
			name := n.Value.GetToken().Value
			target, known := d.anchors[name]
			if !known {
				d.fault(lineOf(n), path, "alias %q has no anchor before it", name)
				return nil, false
			}
			node = target
		case *ast.TagNode:
			d.fault(lineOf(n), path, "tags such as %s are not supported", n.Start.Value)
			return nil, false
		default:
			return node, true
		}
	}
	d.fault(lineOf(node), path, "its alias means itself")
	return nil, false
}

func (d *decoder) text(node ast.Node, v encoding.TextUnmarshaler, path string) {
	text, ok := textOf(node)
	if !ok {
		d.wrongType(node, path, "text")
		return
	}
	if err := v.UnmarshalText([]byte(text)); err != nil {
		d.fault(lineOf(node), path, "%v", err)
	}
}

// textOf takes numbers too: a Duration says better than we what is wrong with 60.
func textOf(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		return strings.TrimSpace(n.GetToken().Value), true
	}
	return "", false
}

func (d *decoder) scalar(node ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		text, ok := textOf(node)
		if !ok || describe(node) != "text" {
			d.wrongType(node, path, "text")
			return
		}
		v.SetString(text)
	case reflect.Bool:
		if b, ok := node.(*ast.BoolNode); ok {
			v.SetBool(b.Value)
			return
		}
		d.wrongType(node, path, "true or false")
	case reflect.Int:
		d.integer(node, v, path)
	default:
		panic("config: no way to decode a " + v.Type().String())
	}
}

func (d *decoder) integer(node ast.Node, v reflect.Value, path string) {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		d.wrongType(node, path, "a whole number")
		return
	}
	i, err := strconv.ParseInt(fmt.Sprint(n.Value), 10, v.Type().Bits())
	if err != nil {
		d.fault(lineOf(node), path, "%v is out of range", n.Value)
		return
	}
	v.SetInt(i)
}

func (d *decoder) list(node ast.Node, v reflect.Value, path string) {
	s, ok := node.(*ast.SequenceNode)
	if !ok {
		d.wrongType(node, path, "a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values))
	for i, item := range s.Values {
		place := path + "[" + strconv.Itoa(i) + "]"
		d.lines[place] = lineOf(item)
		if item.Type() == ast.NullType {
			d.fault(lineOf(item), place, "is empty")
			continue
		}
		d.value(item, list.Index(i), place)
	}
	v.Set(list)
}

// wrongType names the value, but of a whole file that is none of ours: it may be a
// secret.
func (d *decoder) wrongType(node ast.Node, path, want string) {
	if got := describe(node); want == "text" && (got == "a number" || got == "true or false") {
		d.fault(lineOf(node), path, "%s is %s, want text: put it in quotes", node.GetToken().Value, got)
	} else if s, ok := node.(*ast.StringNode); ok && path != "" {
		d.fault(lineOf(node), path, "%q is not %s", s.Value, want)
	} else {
		d.fault(lineOf(node), path, "is %s, want %s", got, want)
	}
}

func describe(node ast.Node) string {
	switch node.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	}
	return "text"
}

// lineOf is the line of the first key of a mapping, of the token otherwise.
func lineOf(node ast.Node) int {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return lineOf(n.Values[0])
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
}
