package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"testing"
	"time"
)

// TestWorker is no test but one process of a pool: it plays the plans that it reads
// and answers each with its outcome.
func TestWorker(t *testing.T) {
	if !*workerFlag {
		return
	}
	signal.Ignore(os.Interrupt) // the pool ends its workers
	tasks, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.NewFile(3, "answers"))
	play := Play
	if *fakeFlag {
		play = fakePlay
	}
	for {
		var one task
		if err := tasks.Decode(&one); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if err := answers.Encode(playOne(t, play, one)); err != nil {
			t.Fatal(err)
		}
	}
}

// playOne plays a plan as a test of its own, so that what it opens ends with it.
func playOne(t *testing.T, play func(*testing.T, Plan) Outcome, one task) Outcome {
	t.Helper()
	var o Outcome
	passed := t.Run(fmt.Sprint(one.Plan.Seed), func(t *testing.T) { o = play(t, one.Plan) })
	if !passed && len(o.Broken) == 0 {
		o.Broken = []Violation{{Rule: ends, Text: "the test failed without a violation; play it alone to see why"}}
	}
	if !one.Trace {
		o.Trace = nil
	}
	return o
}

// fakePlay stands in for a run where the pool itself is tested: seeds that end in
// 3 break a rule while fault 1 is there, 5 panics, 7 hangs.
func fakePlay(_ *testing.T, p Plan) Outcome {
	o := Outcome{Simulated: time.Hour, Served: 1, Trace: []Line{{Who: "fake", Text: fmt.Sprint(p.Seed)}}}
	switch p.Seed % 10 {
	case 3:
		if len(p.Faults) > 1 {
			o.Broken = []Violation{{At: time.Second, Rule: "fake", Text: "a seed that ends in 3"}}
		}
	case 5:
		panic("a seed that ends in 5")
	case 7:
		select {}
	}
	return o
}
