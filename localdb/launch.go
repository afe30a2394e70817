package localdb

import (
	"encoding/json"
	"fmt"

	"understudy/site"
)

// launchText is how a group's row says how its launches are answered; empty where
// nothing is said.
func launchText(l site.Launch) (string, error) {
	if l.IsZero() {
		return "", nil
	}
	text, err := json.Marshal(l)
	return string(text), err
}

func readLaunch(text string, l *site.Launch) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), l); err != nil {
		return fmt.Errorf("how launches are answered: %w", err)
	}
	return nil
}
