package sim

import (
	"fmt"
	"slices"

	"understudy/site"
)

// agree: whoever hears of the others, over any number of links, has the same zone
// record before long: the highest counts, whoever passes it on.
func (w *watch) agree(v *view) {
	for _, z := range w.run.world.Zones() {
		for _, name := range w.zones[z].up {
			for _, other := range w.around(z, name) {
				a, b := v.connectors[name].Record, v.connectors[other].Record
				parted := w.steady(z, v) && (a.Number != b.Number || a.Writer != b.Writer)
				if w.lasting(fmt.Sprint(name, " and ", other), v.now, parted, w.slack()) {
					w.broken(ruleAgree, fmt.Sprintf("%s goes by record %d of %s, %s by %d of %s", name, a.Number, a.Writer, other, b.Number, b.Writer))
				}
			}
		}
	}
}

// around are those that a connector reaches over the others, and itself.
func (w *watch) around(z string, name site.FQDN) []site.FQDN {
	part := []site.FQDN{name}
	for i := 0; i < len(part); i++ {
		for _, other := range w.zones[z].up {
			if !slices.Contains(part, other) && w.run.reaches(part[i], other) {
				part = append(part, other)
			}
		}
	}
	return part
}

// calm (LHC-23): in a steady zone nobody takes the office from the first by rank.
func (w *watch) calm(v *view) {
	for _, z := range w.run.world.Zones() {
		s, writer := w.zones[z], site.FQDN("")
		if !w.whole(z, v) {
			s.office = ""
			continue
		}
		for _, name := range s.up {
			if o := v.connectors[name]; o.Record.Writer == name && o.Elected == name {
				writer = name
			}
		}
		if writer != "" && s.office != "" && writer != s.office && s.office == w.first(z, v) {
			w.broken(ruleCalm, fmt.Sprintf("%s takes the office from %s in the steady zone %s, though that ranks first and could serve", writer, s.office, z))
		}
		if writer != "" {
			s.office = writer
		}
	}
}
