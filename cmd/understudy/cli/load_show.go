package cli

import (
	"fmt"
	"slices"
	"strings"

	"understudy/load"
)

// renderLoad prints a report for people.
func renderLoad(s *screen, r load.Report) {
	rows := newRows("SERVED BY", "FROM", "LASTED", "50 %", "95 %", "99 %", "100 %", "TAKEOVER", "FIRST LAUNCH", "LAUNCHES/S", "P50", "P99", "REFUSED")
	for _, e := range r.Epochs {
		l := e.Totals.Latency[load.Launch]
		rows.add(
			served(e), fmt.Sprintf("%.1f s", e.At), fmt.Sprintf("%.1f s", e.Lasted),
			after(e, "50"), after(e, "95"), after(e, "99"), after(e, "100"), gap(e), unlessZero("%.2f s", float64(e.FirstLaunch)),
			fmt.Sprintf("%.1f", e.Totals.LaunchesPerSecond), unlessZero("%.1f ms", l.P50), unlessZero("%.1f ms", l.P99), refusals(e.Totals.Errors[load.Launch]),
		)
	}
	s.list(rows, "", "No connector was seen to serve.")
	s.line(fmt.Sprintf("%d of %d desktops were registered with who served at the end; %.2f %% of the launches failed.", r.Registered, r.Desktops, r.Failed()*100))
}

func served(e load.Epoch) string {
	if e.Server != "" {
		return string(e.Server)
	}
	return map[load.Stage]string{
		load.ByCloud: "cloud broker", load.Cut: "nobody: cloud cut", load.Nobody: "nobody", load.Unknown: "no answer",
	}[e.Stage]
}

func after(e load.Epoch, share string) string {
	if at, ok := e.Reached[share]; ok {
		return fmt.Sprintf("%.2f s", at)
	}
	return "-"
}

func gap(e load.Epoch) string {
	if e.TookOverFrom == "" {
		return "-"
	}
	return fmt.Sprintf("%.0f ms", e.Gap*1000)
}

func unlessZero(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// refusals lists the codes of the errors.
func refusals(codes map[string]int) string {
	var out []string
	for code, n := range codes {
		out = append(out, fmt.Sprintf("%s %d", code, n))
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}
