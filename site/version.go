package site

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"understudy/env"
)

// Version names one published state of the site. The history is the UTC second
// at which the cloud broker's store was created or restored, plus four random
// characters; numbers count within it.
type Version struct {
	History string `json:"history"`
	Number  uint64 `json:"number"`
}

const (
	historySecond = "20060102150405"
	historyRandom = 4
)

// NewHistory names a history that begins at birth.
func NewHistory(e env.Env, birth time.Time) string {
	return birth.UTC().Format(historySecond) + env.Short(e.Rand("history"), historyRandom)
}

// HistoryBirth is when a history began, to the second; false if it does not say.
func HistoryBirth(history string) (time.Time, bool) {
	birth, err := time.Parse(historySecond, history[:min(len(history), len(historySecond))])
	return birth, err == nil
}

// Compare orders versions by history, then by number.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.History, w.History), cmp.Compare(v.Number, w.Number))
}

// IsZero reports whether v names no version at all.
func (v Version) IsZero() bool { return v == Version{} }

func (v Version) String() string {
	if v.IsZero() {
		return "none"
	}
	return fmt.Sprintf("%s-%d", v.History, v.Number)
}

// ParseVersion reads a version as String writes it; false for anything else.
func ParseVersion(text string) (Version, bool) {
	at := strings.LastIndexByte(text, '-')
	if at < 1 {
		return Version{}, false
	}
	number, err := strconv.ParseUint(text[at+1:], 10, 64)
	v := Version{History: text[:at], Number: number}
	return v, err == nil && v.String() == text
}
