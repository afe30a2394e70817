//go:build linux

package bench_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"understudy/wire"
)

// row is one line of the table.
type row struct {
	Name    string  `json:"name"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Against string  `json:"against"`
	Ratio   float64 `json:"ratio"`
	Bar     string  `json:"bar"`
	Holds   bool    `json:"holds"`
	// Missing says why there is no value.
	Missing string `json:"missing,omitempty"`
}

// bar is what a row must meet.
type bar struct {
	most  bool // else least
	limit float64
	// value says that the value, not the ratio, is held to it.
	value bool
	unit  string
}

// noBar stands where nothing is to be met.
const noBar = "–"

func atMost(ratio float64) bar  { return bar{most: true, limit: ratio} }
func atLeast(ratio float64) bar { return bar{limit: ratio} }
func noMoreThan(value float64, u string) bar {
	return bar{most: true, limit: value, value: true, unit: u}
}

func (b bar) holds(value, ratio float64) bool {
	if b == (bar{}) {
		return true
	}
	v := ratio
	if b.value {
		v = value
	}
	if b.most {
		return v <= b.limit
	}
	return v >= b.limit
}

func (b bar) String() string {
	if b == (bar{}) {
		return noBar
	}
	sign := "≥"
	if b.most {
		sign = "≤"
	}
	if b.value {
		return strings.TrimSpace(fmt.Sprintf("%s %g %s", sign, b.limit, b.unit))
	}
	return fmt.Sprintf("%s %g×", sign, b.limit)
}

// table gathers the rows.
type table struct{ rows []row }

// add judges a row by its bar. One without a number is none: JSON has no word for it.
func (t *table) add(r row, b bar) {
	if sum := r.Value + r.Ratio; math.IsNaN(sum) || math.IsInf(sum, 0) {
		t.missing(r.Name, r.Against, fmt.Sprintf("%v %s, %v×", r.Value, r.Unit, r.Ratio), b)
		return
	}
	r.Bar, r.Holds = b.String(), b.holds(r.Value, r.Ratio)
	t.rows = append(t.rows, r)
	fmt.Println(r.line())
}

// missing says what could not be measured.
func (t *table) missing(name, against, why string, b bar) {
	why = wire.Clip(strings.Join(strings.FieldsFunc(why, func(c rune) bool { return c == '\n' || c == '|' }), "; "))
	t.rows = append(t.rows, row{Name: name, Against: against, Bar: b.String(), Missing: why})
	fmt.Println(t.rows[len(t.rows)-1].line())
}

func (r row) line() string {
	if r.Missing != "" {
		return fmt.Sprintf("| %s | not measured: %s | %s | – | %s | – |", r.Name, r.Missing, r.Against, r.Bar)
	}
	ratio, holds := "–", "yes"
	if r.Ratio != 0 {
		ratio = short(r.Ratio) + "×"
	}
	switch {
	case r.Bar == noBar:
		holds = "–"
	case !r.Holds:
		holds = "**no**"
	}
	return fmt.Sprintf("| %s | %s %s | %s | %s | %s | %s |", r.Name, short(r.Value), r.Unit, r.Against, ratio, r.Bar, holds)
}

// short writes a number with three digits.
func short(v float64) string {
	if v == 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return fmt.Sprint(v)
	}
	digits := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	return fmt.Sprintf("%.*f", digits, v)
}

// write puts the rows into both files, where they are named.
func (t *table) write(docs, file string) error {
	if file != "" {
		b, err := json.MarshalIndent(t.rows, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			return err
		}
	}
	if docs == "" {
		return nil
	}
	page, err := os.ReadFile(docs)
	if errors.Is(err, os.ErrNotExist) {
		page, err = []byte("<!-- begin -->\n<!-- end -->\n"), nil
	}
	if err != nil {
		return err
	}
	return os.WriteFile(docs, []byte(insert(string(page), t.text())), 0o644)
}

var generated = regexp.MustCompile(`(?s)<!-- begin -->.*<!-- end -->`)

// insert replaces the generated part of the page.
func insert(page, text string) string {
	return generated.ReplaceAllLiteralString(page, "<!-- begin -->\n"+text+"<!-- end -->")
}

func (t *table) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s\n\n| what | measured | against | ratio | bar | holds |\n|---|---|---|---|---|---|\n", machineText(), t.verdict())
	for _, r := range t.rows {
		fmt.Fprintln(&b, r.line())
	}
	if _, err := os.Stat(*options.chart); err == nil {
		fmt.Fprintf(&b, "\nThe outage, as understudy load draws it:\n\n![desktops registered, requests a second and launch latency](%s)\n", filepath.Base(*options.chart))
	}
	return b.String()
}

// verdict names the bars that do not hold, and those that nobody knows of.
func (t *table) verdict() string {
	var broken, unknown []string
	for _, r := range t.rows {
		switch {
		case r.Missing != "":
			unknown = append(unknown, "- Not measured: "+r.Name)
		case !r.Holds:
			broken = append(broken, "- Does not hold: "+r.Name)
		}
	}
	if len(broken)+len(unknown) == 0 {
		return "Every bar holds."
	}
	return strings.Join(append(broken, unknown...), "\n")
}

// median of a list; 0 of none.
func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	if len(list) == 0 {
		return 0
	}
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// pairs are values of ours and of a peer, round by round.
type pairs struct{ ours, peer []float64 }

func (p *pairs) add(ours, peer float64) {
	p.ours, p.peer = append(p.ours, ours), append(p.peer, peer)
}

// ratio is the median of the rounds' ratios: what slows a whole round cancels out.
func (p *pairs) ratio() float64 {
	list := make([]float64, len(p.ours))
	for i := range list {
		list[i] = p.ours[i] / p.peer[i]
	}
	return median(list)
}

// Issue 4: "a bar that does not hold is reported, not hidden".
func TestBarsThatDoNotHoldAreReported(t *testing.T) {
	var tab table
	tab.add(row{Name: "a", Value: 5, Unit: "s", Against: "b", Ratio: 0.7}, atMost(0.6))
	tab.add(row{Name: "c", Value: 5, Unit: "MB", Against: "d"}, noMoreThan(6, "MB"))
	tab.missing("e", "etcd", "install\netcd|server", atLeast(8))
	tab.add(row{Name: "h", Value: 1, Unit: "s", Ratio: math.Inf(1)}, atMost(2))
	tab.add(row{Name: "f", Value: 7, Unit: "s", Against: "g"}, bar{})
	text := insert("before\n<!-- begin -->\nformer\n<!-- end -->\nafter\n", tab.text())
	for _, want := range []string{
		"| a | 5.00 s | b | 0.700× | ≤ 0.6× | **no** |", "| c | 5.00 MB | d | – | ≤ 6 MB | yes |",
		"| e | not measured: install; etcd; server | etcd | – | ≥ 8× | – |", "before\n<!-- begin -->", "<!-- end -->\nafter",
		"| f | 7.00 s | g | – | – | – |", "- Does not hold: a\n- Not measured: e\n- Not measured: h\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %s\nwant %s in it", text, want)
		}
	}
	if strings.Contains(text, "former") {
		t.Error("the rows of the run before are still there")
	}
}

// Issue 4: ratios of one run, round by round.
func TestRatioIsTheMedianOfRounds(t *testing.T) {
	var p pairs
	p.add(1, 2)
	p.add(30, 20) // a round in which both were slow
	p.add(1, 4)
	if got := p.ratio(); got != 0.5 {
		t.Errorf("got %v, want 0.5", got)
	}
}
