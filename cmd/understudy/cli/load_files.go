package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"understudy/load"
)

// tryFiles fails before the run where the reports could not be written after it. It
// changes no file that is there, and leaves none behind.
func (p *pressure) tryFiles() error {
	for _, file := range []string{p.json, p.chart} {
		if file == "" {
			continue
		}
		if err := tryFile(file); err != nil {
			return fmt.Errorf("write the report: %w", err)
		}
	}
	return nil
}

func tryFile(name string) error {
	_, err := os.Stat(name)
	fresh := errors.Is(err, os.ErrNotExist)
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	err = f.Close()
	if fresh {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

// write writes the reports that are wanted; where one fails the other is written.
func (p *pressure) write(r load.Report) error {
	return errors.Join(
		writeFile(p.json, func(w io.Writer) error { return writeJSON(w, r, "  ") }),
		writeFile(p.chart, r.WriteChart),
	)
}

func writeFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return errors.Join(write(f), f.Close())
}
