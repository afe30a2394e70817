package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// publisher brings a cloud broker to a site, step by step.
type publisher struct {
	app    *app
	cloud  *cloud.Client
	token  string
	wait   time.Duration
	before site.Version
	steps  []site.Step
}

// plan compares the site with the published one. A cloud broker that does not show
// what is published gets the site as it is.
func (p *publisher) plan(ctx context.Context, to *site.Site) error {
	var now cloud.Published
	err := p.app.underWay("reading what is published", func() (err error) {
		now, err = p.cloud.Site(ctx)
		return err
	})
	if err != nil && !wire.IsCode(err, wire.CodeNotFound) && !wire.IsCode(err, wire.CodeMethod) {
		return p.refused(err)
	}
	p.before = now.Version
	p.steps, err = site.Steps(now.Site, to)
	return err
}

// publish carries the steps out. Where there are several, each replaces the one
// before it and nothing else.
func (p *publisher) publish(ctx context.Context) (cloud.Published, error) {
	if len(p.steps) == 1 {
		now, err := p.put(ctx, p.steps[0].Site, site.Version{})
		return now, p.refused(err)
	}
	p.say(fmt.Sprintf("Under the policy majority this takes %d steps, %s apart:", len(p.steps), p.wait))
	for i, step := range p.steps {
		p.say(planLine(i, step.Changes))
	}
	now := cloud.Published{Version: p.before}
	for i, step := range p.steps {
		var err error
		if now, err = p.step(ctx, i, step.Site, now); err != nil {
			return now, err
		}
	}
	return now, nil
}

// step publishes one version, after the wait that the one before it needs.
func (p *publisher) step(ctx context.Context, i int, s *site.Site, last cloud.Published) (cloud.Published, error) {
	if i > 0 && env.Sleep(ctx, p.wait) != nil {
		return last, p.stopped(i, last)
	}
	now, err := p.put(ctx, s, last.Version)
	switch {
	case err != nil && ctx.Err() != nil:
		return last, p.stopped(i, last)
	case err != nil && i > 0:
		return last, fmt.Errorf("%w: %w", p.stopped(i, last), p.refused(err))
	case err != nil:
		return last, p.refused(err)
	}
	p.say(fmt.Sprintf("Step %d of %d is published as version %s.", i+1, len(p.steps), now.Version))
	return now, nil
}

func (p *publisher) put(ctx context.Context, s *site.Site, replaces site.Version) (now cloud.Published, err error) {
	err = p.app.underWay("publishing", func() error {
		now, err = p.cloud.PutSite(ctx, s, replaces)
		return err
	})
	return now, err
}

func (p *publisher) stopped(done int, last cloud.Published) error {
	return fmt.Errorf("stopped after %d of %d steps: version %s stands and can stay. "+
		"To go on wait %s, then give the same command again", done, len(p.steps), last.Version, p.wait)
}

// say shows progress; with -o json the standard output is for the result.
func (p *publisher) say(line string) {
	out := p.app.stdout
	if p.app.output == "json" {
		out = p.app.stderr
	}
	fmt.Fprintln(out, line)
}

// plannedSteps is what would be done.
type plannedSteps struct {
	Version site.Version  `json:"version"` // now
	Wait    site.Duration `json:"wait"`
	Steps   []plannedStep `json:"steps"`
}

type plannedStep struct {
	Changes []string `json:"changes"`
}

func (p *publisher) planned() plannedSteps {
	plan := plannedSteps{Version: p.before, Wait: site.Duration(p.wait)}
	for _, step := range p.steps {
		plan.Steps = append(plan.Steps, plannedStep{append([]string{}, step.Changes...)})
	}
	return plan
}

func renderPlan(s *screen, plan plannedSteps, sizes siteSizes) {
	if plan.Version.IsZero() {
		s.line("Nothing is published yet.")
	} else {
		s.line("Version " + plan.Version.String() + " is published.")
	}
	for i, step := range plan.Steps {
		s.line(planLine(i, step.Changes))
	}
	if n := len(plan.Steps); n > 1 {
		s.line(fmt.Sprintf("%d steps, %s apart; the last one is %s.", n, plan.Wait, sizes))
		return
	}
	s.line("One step: " + sizes.String() + ".")
}

func planLine(i int, changes []string) string {
	if len(changes) == 0 {
		changes = []string{"no change of connectors or policies"}
	}
	return fmt.Sprintf("  %d. %s", i+1, strings.Join(changes, "; "))
}
