package localdb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"testing"
)

// ParseCurrent returns the names of the files in the content of CURRENT.
func ParseCurrent(b []byte) ([]string, error) {
	generations, err := parseCurrent(b)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, g := range generations {
		names = append(names, g.File)
	}
	return names, nil
}

// FormatCurrent writes again what the content of CURRENT says.
func FormatCurrent(t testing.TB, b []byte) []byte {
	t.Helper()
	generations, err := parseCurrent(b)
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(currentContent{Generations: generations})
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Join([][]byte{line, []byte(lineSum(line)), nil}, []byte("\n"))
}

// SaveRaw puts any text in place of a saved value.
func SaveRaw(s *State, key, value string) error {
	return s.write(context.Background(), "save raw", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO saved VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, value)
		return err
	})
}
