package understudy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "understudy"

// source is one parsed Go file. All platforms' files are read, whatever their
// build tags.
type source struct {
	path string // from the root, with slashes
	dir  string // "" is the root
	test bool
	tree *ast.File
}

// load parses every Go file below the root, leaving out testdata and hidden
// folders.
func load(root fs.FS) ([]source, error) {
	var sources []source
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && skipped(name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		s, err := parse(root, name)
		sources = append(sources, s)
		return err
	})
	return sources, err
}

func skipped(name string) bool {
	base := path.Base(name)
	return name != "." && (base == "testdata" || base == "vendor" || strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
}

func parse(root fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return source{}, err
	}
	tree, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	dir := path.Dir(name)
	if dir == "." {
		dir = ""
	}
	return source{path: name, dir: dir, test: strings.HasSuffix(name, "_test.go"), tree: tree}, err
}

// imports returns the import paths.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.tree.Imports {
		paths = append(paths, importPath(spec))
	}
	return paths
}

// folders returns the folders of this module that the file imports.
func (s source) folders() []string {
	var folders []string
	for _, imported := range s.imports() {
		if folder, ok := strings.CutPrefix(imported, module+"/"); ok {
			folders = append(folders, folder)
		}
	}
	return folders
}

// uses returns which of the names the file takes from the package, such as
// time.Now, under whatever name it imports the package.
func (s source) uses(pkg string, names []string) []string {
	local, ok := s.localName(pkg)
	if !ok {
		return nil
	}
	var used []string
	ast.Inspect(s.tree, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == local && slices.Contains(names, selector.Sel.Name) {
			used = append(used, path.Base(pkg)+"."+selector.Sel.Name)
		}
		return true
	})
	return used
}

func (s source) localName(pkg string) (string, bool) {
	for _, spec := range s.tree.Imports {
		if importPath(spec) != pkg {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name, true
		}
		return path.Base(pkg), true
	}
	return "", false
}

// external reports whether the file is of an external test package.
func (s source) external() bool { return strings.HasSuffix(s.tree.Name.Name, "_test") }

func importPath(spec *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		return spec.Path.Value
	}
	return unquoted
}

// under reports whether name is the prefix or below it.
func under(name, prefix string) bool {
	return name == prefix || strings.HasPrefix(name, prefix+"/")
}

func underAny(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return under(name, prefix) })
}

func isStandard(library string) bool {
	first, _, _ := strings.Cut(library, "/")
	return !strings.Contains(first, ".")
}

var layerRow = regexp.MustCompile("(?m)^\\| *([0-8]) *\\| *`([^`]+)/` *\\|")

// documentedLayers reads the layer table of ARCHITECTURE.md.
func documentedLayers(page string) map[string]int {
	documented := map[string]int{}
	for _, row := range layerRow.FindAllStringSubmatch(page, -1) {
		documented[row[2]] = int(row[1][0] - '0')
	}
	return documented
}

var libraryRow = regexp.MustCompile("(?m)^\\| *`([a-z]+\\.[^`]+)` *\\|")

// documentedLibraries reads the table of dependencies of ARCHITECTURE.md.
func documentedLibraries(page string) []string {
	var libraries []string
	for _, row := range libraryRow.FindAllStringSubmatch(page, -1) {
		libraries = append(libraries, row[1])
	}
	return libraries
}
