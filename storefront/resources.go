package storefront

import (
	"encoding/json"

	"understudy/broker"
	"understudy/wire"
)

// resourcesAnswer writes a wire.ResourcesAnswer. What does not depend on the user is
// written once for each version of the site.
func resourcesAnswer(list []broker.Resource) []byte {
	const head, tail = `{"resources":[`, "]}\n"
	lines, size := make([][]byte, 0, 16), len(head)+len(tail)
	for _, r := range list {
		line := resourceLine(r)
		lines, size = append(lines, line), size+len(line)+1
	}
	answer := append(make([]byte, 0, size), head...)
	for i, line := range lines {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(answer, line...)
	}
	return append(answer, tail...)
}

func resourceLine(r broker.Resource) []byte {
	if r.Session != "" {
		return written(r)
	}
	return r.Memo.Text(func() []byte { return written(r) })
}

func written(r broker.Resource) []byte {
	out := wire.Resource{ID: r.ID, Name: r.Name, Kind: r.Kind, Zones: r.Zones, Session: r.Session}
	if len(r.Groups) > 0 {
		out.Group = r.Groups[0]
	}
	line, err := json.Marshal(out)
	if err != nil {
		panic("storefront: a resource cannot be written: " + err.Error()) // it has nothing but texts
	}
	return line
}
