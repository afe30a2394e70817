package sim

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"understudy/site"
)

// Where the variants are, and the source that they are of.
const (
	variantsDir = "testdata/variants"
	sourceRoot  = ".."
)

// variant is a deliberately wrong product: some edits of its source, and what must
// notice them.
type variant struct {
	name string
	// what says in a sentence what is wrong, rule which invariant that touches.
	what, rule string
	// seeds are some that are known to catch it.
	seeds []uint64
	// plan is one of testdata/plans that is known to catch it, made for that.
	plan string
	// policy is the one under which alone it can show; empty: any.
	policy site.Policy
	edits  []edit
}

// edit replaces a text that is in a file exactly once.
type edit struct{ file, old, new string }

// allVariants are those that the instrument catches.
func allVariants(tb testing.TB) []variant {
	tb.Helper()
	return variantsIn(tb, variantsDir)
}

// openVariants are those that no schedule has shown yet; tests of single packages
// do.
func openVariants(tb testing.TB) []variant {
	tb.Helper()
	return variantsIn(tb, filepath.Join(variantsDir, "open"))
}

func variantsIn(tb testing.TB, dir string) []variant {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no variants: %v", err)
	}
	var all []variant
	for _, path := range paths {
		v, err := readVariant(path)
		if err != nil {
			tb.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// readVariant reads a file of fields and edits, as the others in its folder are.
func readVariant(path string) (variant, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return variant{}, err
	}
	v := variant{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
	head, rest, _ := strings.Cut(string(text), "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		if err := v.field(line); err != nil {
			return v, fmt.Errorf("%s: %w", path, err)
		}
	}
	for part := range strings.SplitSeq(rest, "\n>>>>\n") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		e, err := readEdit(strings.TrimLeft(part, "\n"))
		if err != nil {
			return v, fmt.Errorf("%s: %w", path, err)
		}
		v.edits = append(v.edits, e)
	}
	if v.what == "" || v.rule == "" || len(v.edits) == 0 {
		return v, fmt.Errorf("%s: a variant has what, rule and an edit", path)
	}
	return v, nil
}

func (v *variant) field(line string) error {
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch key {
	case "what":
		v.what = value
	case "policy":
		v.policy = site.Policy(value)
	case "rule":
		v.rule = value
	case "plan":
		v.plan = value
	case "seeds":
		for seed := range strings.FieldsSeq(value) {
			n, err := strconv.ParseUint(seed, 10, 64)
			if err != nil {
				return fmt.Errorf("seeds: %w", err)
			}
			v.seeds = append(v.seeds, n)
		}
	default:
		return fmt.Errorf("%q is not what, rule, policy, plan or seeds", key)
	}
	return nil
}

func readEdit(part string) (edit, error) {
	head, rest, opened := strings.Cut(part, "\n<<<<\n")
	was, is, split := strings.Cut(rest, "\n====\n")
	file, named := strings.CutPrefix(head, "file: ")
	if !opened || !split || !named {
		return edit{}, fmt.Errorf("an edit is file, <<<<, old text, ====, new text, >>>>: %q", part)
	}
	return edit{file, was, is}, nil
}

// apply makes the edited files, by their paths in the source.
func (v variant) apply() (map[string]string, error) {
	texts := map[string]string{}
	for _, e := range v.edits {
		text, edited := texts[e.file]
		if !edited {
			b, err := os.ReadFile(filepath.Join(sourceRoot, e.file))
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s: %s has the old text %d times, want once:\n%s", v.name, e.file, n, e.old)
		}
		texts[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	return texts, nil
}

// build compiles this package's test binary over the variant, and returns its path.
func (v variant) build(tb testing.TB) (string, error) {
	tb.Helper()
	texts, err := v.apply()
	if err != nil {
		return "", err
	}
	dir := tb.TempDir()
	overlay, err := v.overlay(dir, texts)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "sim.test")
	args := []string{"test", "-c", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./sim"}
	cmd := exec.CommandContext(tb.Context(), "go", args...)
	cmd.Dir = sourceRoot
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", v.name, err, out)
	}
	return binary, nil
}

func (v variant) overlay(dir string, texts map[string]string) (string, error) {
	root, err := filepath.Abs(sourceRoot)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for file, text := range texts {
		replace[filepath.Join(root, file)] = filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(replace[filepath.Join(root, file)], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

// write saves the variant with other seeds.
func (v variant) write(seeds []uint64) error {
	path := filepath.Join(variantsDir, v.name+".txt")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "seeds:") {
			lines[i] = strings.TrimSpace("seeds: " + strings.Trim(fmt.Sprint(seeds), "[]"))
			break
		}
	}
	return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600)
}
