package localdb

import (
	"encoding/json"
	"fmt"
	"strings"

	"understudy/wire"
)

// names lets equal texts share their memory: most of a site's are names of few
// groups, zones and applications.
type names map[string]string

func (n names) one(text string) string {
	if known, ok := n[text]; ok {
		return known
	}
	n[text] = text
	return text
}

// of is a text for one that does not stay.
func (n names) of(text string) string {
	if known, ok := n[text]; ok {
		return known
	}
	return n.one(strings.Clone(text))
}

// lists lets equal lists of names share their memory: many users are in the same
// groups. A list is in its column as a JSON list.
type lists map[string][]string

func (l lists) read(text string) ([]string, error) {
	if known, ok := l[text]; ok {
		return known, nil
	}
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("read the list %s: %w", wire.Clip(text), err)
	}
	if len(list) == 0 {
		list = nil
	}
	l[strings.Clone(text)] = list
	return list, nil
}

// listText is what lists reads. It is made without encoding/json where that would do
// the same.
func listText(list []string) string {
	text := make([]byte, 0, 64)
	text = append(text, '[')
	for i, name := range list {
		if !isPlain(name) {
			return listJSON(list)
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, '"'), name...), '"')
	}
	return string(append(text, ']'))
}

func listJSON(list []string) string {
	b, err := json.Marshal(append([]string{}, list...))
	if err != nil {
		panic("localdb: texts do not encode: " + err.Error())
	}
	return string(b)
}

// isPlain reports whether each byte of a text stands for itself in JSON.
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
