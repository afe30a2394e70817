package sim

import "slices"

// ShrinkRuns is how many runs a shrinking takes at most.
const ShrinkRuns = 120

// Shrunk is a plan with as few faults as were found to break the same rule.
type Shrunk struct {
	Plan    Plan
	Outcome Outcome
	// Kept are the places of its faults in the plan that it was made from.
	Kept []int
	Runs int
}

// Shrink looks for the shortest prefix of the faults with which a plan still
// breaks the rule that it broke first, and then leaves out single ones of it. Each
// try is a run, of which there are at most so many.
func Shrink(p Plan, broken Outcome, play func(Plan) Outcome, runs int) Shrunk {
	if len(broken.Broken) == 0 {
		return Shrunk{Plan: p, Outcome: broken, Kept: upTo(len(p.Faults))}
	}
	s := &shrinker{plan: p, rule: broken.Broken[0].Rule, play: play, left: runs, best: broken, kept: upTo(len(p.Faults))}
	s.prefix()
	for size := len(s.kept) / 2; size > 0; size /= 2 {
		s.leaveOut(size)
	}
	return Shrunk{Plan: p.Only(s.kept), Outcome: s.best, Kept: s.kept, Runs: runs - s.left}
}

// Only is the plan with some of its faults, by their places.
func (p Plan) Only(kept []int) Plan {
	var faults []Fault
	for _, i := range kept {
		if i >= 0 && i < len(p.Faults) {
			faults = append(faults, p.Faults[i])
		}
	}
	p.Faults = faults
	return p
}

type shrinker struct {
	plan Plan
	rule string
	play func(Plan) Outcome
	left int
	best Outcome
	kept []int
}

// fails plays some of the faults, and keeps them if they still break the rule.
func (s *shrinker) fails(kept []int) bool {
	if s.left == 0 {
		return false
	}
	s.left--
	o := s.play(s.plan.Only(kept))
	if !slices.ContainsFunc(o.Broken, func(v Violation) bool { return v.Rule == s.rule }) {
		return false
	}
	s.best, s.kept = o, kept
	return true
}

// prefix halves the distance between a prefix that fails and one that does not.
// A run that fails need not do so with one fault more, so the few next shorter
// ones are tried too.
func (s *shrinker) prefix() {
	if s.fails(nil) {
		return
	}
	for passes := 0; len(s.kept)-passes > 1 && s.left > 0; {
		if middle := (passes + len(s.kept)) / 2; !s.fails(upTo(middle)) {
			passes = middle
		}
	}
	for shorter := len(s.kept) - 2; shorter > 0 && shorter > len(s.kept)-8 && s.left > 0; shorter-- {
		s.fails(upTo(shorter))
	}
}

// leaveOut tries to do without some neighbours, from the last to the first.
func (s *shrinker) leaveOut(size int) {
	for at := len(s.kept) - size; at >= 0; at -= size {
		s.fails(slices.Delete(slices.Clone(s.kept), at, min(at+size, len(s.kept))))
	}
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
