package sim

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// window is how much of a timeline a report shows before a violation.
const window = 60 * time.Second

// Report tells of a run that broke an invariant: how to play it again, what is
// left of its faults, and what happened.
func Report(seed uint64, s Shrunk) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d breaks an invariant\n", seed)
	for _, v := range s.Outcome.Broken {
		fmt.Fprintf(&b, "  %s  %s: %s\n", clock(v.At), v.Rule, v.Text)
	}
	fmt.Fprintf(&b, "replay:   go test ./sim -run Seed -seed %d -v\n", seed)
	fmt.Fprintf(&b, "shortest: go test ./sim -run Seed -seed %d -only %s -v   (%d faults, found in %d runs)\n",
		seed, places(s.Kept), len(s.Kept), s.Runs)
	fmt.Fprintf(&b, "%s\n", s.Plan.Shape)
	for _, f := range s.Plan.Faults {
		fmt.Fprintf(&b, "  %s  %s\n", clock(f.At), f)
	}
	b.WriteString("timeline:\n")
	b.WriteString(Timeline(s.Plan, s.Outcome, window))
	return b.String()
}

// Timeline shows what was done to a site and what it did, in order of time: faults
// with ">", violations with "!". With a window, what is long before the first
// violation is left out.
func Timeline(p Plan, o Outcome, window time.Duration) string {
	entries := timeline(p, o)
	if window > 0 && len(o.Broken) > 0 {
		from := o.Broken[0].At - window
		late := slices.IndexFunc(entries, func(e entry) bool { return e.At >= from })
		entries = entries[max(0, late):]
	}
	width := 0
	for _, e := range entries {
		width = max(width, len(e.Who))
	}
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %s %-*s  %s\n", clock(e.At), e.mark, width, e.Who, e.Text)
	}
	return b.String()
}

// fromPlan is who the trace says carries out the plan.
const fromPlan = "plan"

type entry struct {
	Line
	mark string
}

func timeline(p Plan, o Outcome) []entry {
	var all []entry
	told := false
	for _, l := range o.Trace {
		mark := " "
		if l.Who == fromPlan {
			mark, told = ">", true
		}
		all = append(all, entry{l, mark})
	}
	if !told {
		for _, f := range p.Faults {
			all = append(all, entry{Line{f.At, fromPlan, f.String()}, ">"})
		}
	}
	for _, v := range o.Broken {
		all = append(all, entry{Line{v.At, v.Rule, v.Text}, "!"})
	}
	slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.At, b.At) })
	return all
}

// String is the fault in a line.
func (f Fault) String() string { return strings.TrimSpace(f.Who + " " + f.what()) }

func (f Fault) what() string {
	parts := []string{string(f.Kind)}
	if f.Other != "" {
		parts = append(parts, f.Other)
	}
	if f.N != 0 {
		parts = append(parts, strconv.Itoa(f.N))
	}
	if f.For > 0 {
		parts = append(parts, "for "+f.For.String())
	}
	return strings.Join(parts, " ")
}

// String is the shape in a line, with the settings that are not the defaults.
func (s Shape) String() string {
	settings, err := json.Marshal(s.Settings)
	if err != nil {
		settings = []byte(err.Error())
	}
	text := fmt.Sprintf("site:     %d zones, in each %d connectors (%d standbys), %d desktops, %d users; %s of faults; settings %s",
		s.Zones, s.Connectors, s.Standbys, s.Desktops, s.Users, s.Length, settings)
	if s.Limit > 0 {
		text += fmt.Sprintf("; at most %d sessions", s.Limit)
	}
	if s.CloudAway {
		text += "; the cloud broker stays away"
	}
	if len(s.Failover) > 0 {
		text += fmt.Sprintf("; failover %v", s.Failover)
	}
	return text
}

// places writes numbers as ranges: "0-3,7".
func places(kept []int) string {
	if len(kept) == 0 {
		return "none"
	}
	var parts []string
	for i := 0; i < len(kept); {
		j := i
		for j+1 < len(kept) && kept[j+1] == kept[j]+1 {
			j++
		}
		part := strconv.Itoa(kept[i])
		if j > i {
			part += "-" + strconv.Itoa(kept[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}

// readPlaces reads what places wrote.
func readPlaces(s string) ([]int, error) {
	kept := []int{}
	if s == "none" {
		return kept, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("%q is not a list of places such as 0-3,7", s)
		}
		b := a
		if isRange {
			if b, err = strconv.Atoi(last); err != nil {
				return nil, fmt.Errorf("%q is not a list of places such as 0-3,7", s)
			}
		}
		for ; a <= b; a++ {
			kept = append(kept, a)
		}
	}
	return kept, nil
}

// clock writes a moment of a run as minutes, seconds and microseconds.
func clock(d time.Duration) string {
	d = d.Truncate(time.Microsecond)
	return fmt.Sprintf("%3d:%09.6f", int(d/time.Minute), (d % time.Minute).Seconds())
}
