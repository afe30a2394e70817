package localdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"understudy/datadir"
)

// Remedies beside starting the newer version again.
const (
	remedySnapshot = "remove CURRENT and the site-*.db files: this version fetches the site anew"
	remedyState    = "go back as docs/upgrade.md says: this file may hold records of an outage that exist nowhere else"
)

// CheckFolder refuses a data folder in which a newer version of this program has
// written anything. It only reads, so that what is refused stays as it is to the byte.
func CheckFolder(dir string) error {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil // who locks it says what is wrong with it
	}
	if err := checkStamp(filepath.Join(dir, stateFile), stateAppID, StateSchema, remedyState); err != nil {
		return err
	}
	return checkSnapshots(dir)
}

// checkSnapshots refuses what a newer version has made of the snapshots.
func checkSnapshots(dir string) error {
	path := filepath.Join(dir, currentFile)
	b, err := os.ReadFile(path)
	if err == nil {
		err = checkCurrent(path, b)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	named, _ := parseCurrent(b) // one that is damaged names nothing
	files, err := siteFiles(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range files {
		path := filepath.Join(dir, name)
		err := checkStamp(path, snapshotAppID, SnapshotSchema, remedySnapshot)
		if err != nil && !spoiled(path, named) {
			return err
		}
	}
	return nil
}

// spoiled reports whether CURRENT says that the file is not what was written: then its
// header says nothing, and the generation before may be good.
func spoiled(path string, named []generation) bool {
	for _, g := range named {
		if g.File == filepath.Base(path) && g.SHA256 != "" {
			sum, _, err := hashFile(path)
			return err != nil || sum != g.SHA256
		}
	}
	return false
}

// checkStamp refuses a database of ours that has a newer schema. One that is not ours
// or damaged is judged where it is used.
func checkStamp(path string, application, known int, remedy string) error {
	stamp, err := datadir.ReadStamp(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, datadir.ErrNoStamp):
		return nil
	case err != nil:
		return fmt.Errorf("look whether this version reads the data folder: %w", err)
	case stamp.Application == application && stamp.Version > known:
		return &datadir.NewerError{File: path, Version: stamp.Version, Known: known, Remedy: remedy}
	}
	return nil
}

// checkCurrent judges a whole file only: its two lines are the same in every version.
func checkCurrent(path string, b []byte) error {
	line, sum, _ := bytes.Cut(b, []byte("\n"))
	if string(sum) != lineSum(line)+"\n" {
		return nil
	}
	var c struct {
		Format int `json:"format"`
	}
	if json.Unmarshal(line, &c) == nil && c.Format > CurrentFormat {
		return &datadir.NewerError{File: path, Version: c.Format, Known: CurrentFormat, Remedy: remedySnapshot}
	}
	return nil
}
