package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"understudy/config"
)

// modes looks at who may read and change the files of the process: those that its
// configuration names, the configuration itself, and those in its data folder.
func (p *patient) modes(context.Context) []Finding {
	if !modesCount {
		return []Finding{skipped(checkFiles, p.File, "access lists are not judged: only the service's account, SYSTEM and administrators may have access")}
	}
	var out []Finding
	for _, f := range p.kept() {
		info, err := os.Stat(f.Path)
		if err != nil {
			continue // that it must exist has been checked with the configuration
		}
		if wrong, is := judgeMode(f, info.Mode().Perm()); is {
			out = append(out, wrong)
		}
	}
	if len(out) == 0 {
		out = append(out, fine(checkFiles, p.File, "nobody else reads secrets or changes files"))
	}
	return out
}

// dataFile stands for the key of a file in the data folder.
const dataFile = "data"

// kept are all files that somebody could read or change who should not.
func (p *patient) kept() []config.NamedFile {
	files := append([]config.NamedFile{{Key: "the configuration", Path: p.File}}, p.files...)
	for _, pattern := range []string{"admin.token", "*.db", "*.db-wal", "*.json"} {
		names, _ := filepath.Glob(p.inData(pattern)) // the patterns are good
		for _, name := range names {
			files = append(files, config.NamedFile{Key: dataFile, Path: name, Secret: true})
		}
	}
	return files
}

func judgeMode(f config.NamedFile, mode fs.FileMode) (Finding, bool) {
	name, off := "", fs.FileMode(0o022)
	if f.Secret {
		off = 0o027
	}
	switch {
	case f.Secret && mode&0o007 != 0:
		name = "secret_readable"
	case mode&0o022 != 0:
		name = "file_writable"
	default:
		return Finding{}, false
	}
	p := places{"path": f.Path, "mode": fmt.Sprintf("%04o", mode&^off)}
	return found(name, f.Key+" "+f.Path, fmt.Sprintf("its mode is %04o", mode), p), true
}

func inDataFolder(f config.NamedFile) bool { return strings.HasPrefix(f.Key, dataFile) }
