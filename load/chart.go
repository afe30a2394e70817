package load

import (
	"fmt"
	"html"
	"io"
	"strings"
)

// The chart's measures, in pixels.
const (
	chartWidth  = 1000
	chartLeft   = 70
	chartRight  = 20
	panelHeight = 180
	panelGap    = 50
	chartTop    = 60
)

// WriteChart draws the run as one SVG file that needs nothing else.
func (r Report) WriteChart(w io.Writer) error {
	c := &chart{report: r, seconds: max(float64(r.Lasted), 1)}
	c.draw()
	_, err := io.WriteString(w, c.text.String())
	return err
}

// chart draws panels one below the other, over the same time.
type chart struct {
	report  Report
	seconds float64
	text    strings.Builder
	panels  int
}

// series is one line of a panel.
type series struct {
	name, colour string
	value        func(Sample) float64
}

func (c *chart) draw() {
	height := chartTop + 3*(panelHeight+panelGap)
	c.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="sans-serif" font-size="12">`, chartWidth, height, chartWidth, height)
	c.add(`<rect width="100%%" height="100%%" fill="white"/>`)
	c.add(`<text x="%d" y="24" font-size="16">%s</text>`, chartLeft, html.EscapeString(c.title()))
	c.panel("desktops registered with who serves", series{"registered", "#1f77b4", func(s Sample) float64 { return float64(s.Registered) }})
	c.panel(
		"requests per second",
		series{"launches", "#2ca02c", func(s Sample) float64 { return float64(s.Launches) }},
		series{"registrations", "#1f77b4", func(s Sample) float64 { return float64(s.Registrations) }},
		series{"errors", "#d62728", func(s Sample) float64 { return float64(s.Errors) }},
	)
	c.panel(
		"launch latency, ms",
		series{"p50", "#2ca02c", func(s Sample) float64 { return s.LaunchP50 }},
		series{"p99", "#ff7f0e", func(s Sample) float64 { return s.LaunchP99 }},
	)
	c.add(`</svg>`)
}

func (c *chart) title() string {
	return fmt.Sprintf("%d desktops, %d users, %g arrivals a second: %s", c.report.Desktops, c.report.Users, c.report.Rate, c.report.Began.Format("2006-01-02 15:04 MST"))
}

func (c *chart) add(format string, args ...any) { fmt.Fprintf(&c.text, format+"\n", args...) }

func (c *chart) panel(title string, lines ...series) {
	top := chartTop + c.panels*(panelHeight+panelGap)
	c.panels++
	most := c.most(lines)
	c.bands(top)
	c.add(`<text x="%d" y="%d">%s</text>`, chartLeft, top-8, html.EscapeString(title))
	for i := range 5 {
		y := float64(top) + panelHeight*float64(i)/4
		c.add(`<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`, chartLeft, y, chartWidth-chartRight, y)
		c.add(`<text x="%d" y="%.1f" text-anchor="end">%.4g</text>`, chartLeft-6, y+4, most*float64(4-i)/4)
	}
	c.times(top + panelHeight)
	for i, line := range lines {
		c.line(line, top, most)
		c.add(`<text x="%d" y="%d" fill="%s">%s</text>`, chartWidth-chartRight-100*(len(lines)-i), top-8, line.colour, line.name)
	}
}

// most is the upper end of a panel's scale.
func (c *chart) most(lines []series) float64 {
	most := 1.0
	for _, s := range c.report.Samples {
		for _, line := range lines {
			most = max(most, line.value(s))
		}
	}
	return most
}

func (c *chart) x(at seconds) float64 {
	return chartLeft + float64(at)/c.seconds*(chartWidth-chartLeft-chartRight)
}

var stageColours = map[Stage]string{ByCloud: "#f2f8f2", Cut: "#fdf6e3", ByConnector: "#eef3fb", Nobody: "#fbe5e5"}

// bands colour the epochs and name them.
func (c *chart) bands(top int) {
	for _, e := range c.report.Epochs {
		x, width := c.x(e.At), c.x(e.At+e.Lasted)-c.x(e.At)
		name := string(e.Stage)
		if e.Server != "" {
			name = string(e.Server)
		}
		c.add(`<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"><title>%s</title></rect>`,
			x, top, max(width, 1), panelHeight, or(stageColours[e.Stage], "#eee"), html.EscapeString(name))
		if c.panels == 1 && width > 60 {
			c.add(`<text x="%.1f" y="%d" fill="#777" font-size="10">%s</text>`, x+3, top+12, html.EscapeString(name))
		}
	}
}

func (c *chart) times(y int) {
	for i := range 11 {
		at := seconds(c.seconds * float64(i) / 10)
		c.add(`<text x="%.1f" y="%d" text-anchor="middle" fill="#777">%.0f s</text>`, c.x(at), y+16, float64(at))
	}
}

func (c *chart) line(line series, top int, most float64) {
	var points strings.Builder
	for _, s := range c.report.Samples {
		fmt.Fprintf(&points, "%.1f,%.1f ", c.x(s.At), float64(top)+panelHeight*(1-line.value(s)/most))
	}
	c.add(`<polyline fill="none" stroke="%s" stroke-width="1.5" points="%s"/>`, line.colour, strings.TrimSpace(points.String()))
}
