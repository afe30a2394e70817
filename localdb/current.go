package localdb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"understudy/wire"
)

const (
	currentFile   = "CURRENT"
	scratchPrefix = "building-"
	sitePrefix    = "site-"
	siteSuffix    = ".db"
)

// generation is one line of CURRENT: a snapshot file and what it must hash to.
type generation struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// CurrentFormat is the version of what CURRENT holds. A file that names none is older
// and holds the same.
const CurrentFormat = 1

// currentContent is the first line of the file CURRENT: the generations, newest
// first. The second line is the first one's SHA-256.
type currentContent struct {
	Format      int          `json:"format"`
	Generations []generation `json:"generations"`
}

func writeCurrent(d disk, dir string, generations []generation) error {
	line, err := json.Marshal(currentContent{Format: CurrentFormat, Generations: generations})
	if err != nil {
		return err
	}
	content := append(line, '\n')
	content = append(content, lineSum(line)+"\n"...)
	if err := replaceFile(d, filepath.Join(dir, currentFile), content); err != nil {
		return fmt.Errorf("write %s: %w", currentFile, err)
	}
	return nil
}

// readCurrent returns nothing where there is no such file yet.
func readCurrent(dir string) ([]generation, error) {
	b, err := os.ReadFile(filepath.Join(dir, currentFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseCurrent(b)
}

func parseCurrent(b []byte) ([]generation, error) {
	line, sum, _ := bytes.Cut(b, []byte("\n"))
	if string(sum) != lineSum(line)+"\n" {
		return nil, fmt.Errorf("the file %s is damaged: its checksum is wrong", currentFile)
	}
	var c currentContent
	if err := json.Unmarshal(line, &c); err != nil {
		return nil, fmt.Errorf("the file %s is damaged: %w", currentFile, err)
	}
	for _, g := range c.Generations {
		if !isSiteFile(g.File) {
			return nil, fmt.Errorf("the file %s names %q, which is no snapshot", currentFile, wire.Clip(g.File))
		}
	}
	return c.Generations, nil
}

func lineSum(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

func isSiteFile(name string) bool {
	return filepath.Base(name) == name && strings.HasPrefix(name, sitePrefix) && strings.HasSuffix(name, siteSuffix)
}

// siteFiles lists the snapshot files of a folder.
func siteFiles(dir string) ([]string, error) {
	return folderFiles(dir, isSiteFile)
}

// scratchFiles lists what a crash has left.
func scratchFiles(dir string) ([]string, error) {
	return folderFiles(dir, func(name string) bool {
		return strings.HasPrefix(name, scratchPrefix) || name == currentFile+".tmp"
	})
}

func folderFiles(dir string, want func(string) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if want(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
