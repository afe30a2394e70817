package localdb

import (
	"encoding/json"
	"fmt"

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

// of is the text of bytes that do not stay.
func (n names) of(text []byte) string {
	if known, ok := n[string(text)]; ok {
		return known
	}
	return n.one(string(text))
}

// lists lets equal lists of names share their memory: many users are in the same
// groups. A list is in its column as a JSON list.
type lists map[string][]string

func (l lists) read(text []byte) ([]string, error) {
	if known, ok := l[string(text)]; ok {
		return known, nil
	}
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("read the list %s: %w", wire.Clip(string(text)), err)
	}
	if len(list) == 0 {
		list = nil
	}
	l[string(text)] = list
	return list, nil
}

// listText is what lists reads.
func listText(list []string) string {
	b, err := json.Marshal(append([]string{}, list...))
	if err != nil {
		panic("localdb: texts do not encode: " + err.Error())
	}
	return string(b)
}
