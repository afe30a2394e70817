package cli

import (
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"understudy/site"
	"understudy/zone"
)

// rows is a table that grows row by row.
type rows struct {
	writer table.Writer
	count  int
}

func newRows(titles ...any) *rows {
	w := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	w.SuppressTrailingSpaces()
	if len(titles) > 0 {
		w.AppendHeader(titles)
	}
	return &rows{writer: w}
}

func (r *rows) add(cells ...any) {
	r.writer.AppendRow(cells)
	r.count++
}

// list shows a table, or why there is nothing in it.
func (s *screen) list(r *rows, note, nothing string) {
	if r.count > 0 {
		s.line(r.writer.Render())
	} else if note == "" {
		note = nothing
	}
	if note != "" {
		s.line(note)
	}
}

func (s *screen) good(words string) string { return s.paint(text.FgGreen, words) }
func (s *screen) warn(words string) string { return s.paint(text.FgYellow, words) }
func (s *screen) bad(words string) string  { return s.paint(text.FgRed, words) }
func (s *screen) bold(words string) string { return s.paint(text.Bold, words) }

func (s *screen) paint(color text.Color, words string) string {
	if !s.color || words == "" {
		return words
	}
	return color.EscapeSeq() + words + text.Reset.EscapeSeq()
}

// state paints a state by how far the zone is from Normal.
func (s *screen) state(state zone.State) string {
	switch state {
	case zone.Normal:
		return s.good(string(state))
	case zone.PendingHA, zone.PendingRecovery:
		return s.warn(string(state))
	case zone.InitialHA, zone.ExtendedHA:
		return s.bad(string(state))
	}
	return string(state)
}

// yes says yes, or no with the reason.
func (s *screen) yes(is bool, whyNot string) string {
	switch {
	case is:
		return s.good("yes")
	case whyNot == "":
		return s.warn("no")
	}
	return s.warn("no: " + whyNot)
}

// ago says how long ago something was.
func (s *screen) ago(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return age(s.now.Sub(at)) + " ago"
}

// since says since when, by the clock and by its age.
func (s *screen) since(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return fmt.Sprintf("since %s (%s)", at.Local().Format(time.DateTime), age(s.now.Sub(at)))
}

// age writes a duration in its two largest units.
func age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

func orDash[T ~string](words T) string {
	if words == "" {
		return "-"
	}
	return string(words)
}

func version(v site.Version, old site.Duration) string {
	if v.IsZero() {
		return "none"
	}
	return v.String() + ", " + age(old.D()) + " old"
}
