package doctor

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"understudy/config"
)

// renewal looks whether the process may put a renewed certificate where its files are:
// it writes beside them, and renames.
func (p *patient) renewal(kept config.PKI) look {
	return func(context.Context) []Finding {
		if !kept.Enabled() || !modesCount {
			return nil
		}
		folders := []string{filepath.Dir(p.tls.CertFile), filepath.Dir(p.tls.KeyFile)}
		if kept.Fingerprint != "" {
			folders = append(folders, filepath.Dir(p.tls.CAFile))
		}
		slices.Sort(folders)
		who := accountOf(p.data)
		var out []Finding
		for _, folder := range slices.Compact(folders) {
			out = append(out, judgeFolder(folder, who, gatherFolder(folder)))
		}
		return out
	}
}

// account is who runs the process: the owner of its data folder, or before the first
// start whoever asks.
type account struct {
	name   string
	id     int
	groups []int
}

// folderFacts are who a folder belongs to, and what its mode lets whom do.
type folderFacts struct {
	owner, group int
	mode         fs.FileMode
	err          error
}

func gatherFolder(dir string) folderFacts {
	info, err := os.Stat(dir)
	if err != nil {
		return folderFacts{err: err}
	}
	owner, group := ownersOf(info)
	return folderFacts{owner: owner, group: group, mode: info.Mode().Perm()}
}

// writable reports whether the account may make files there, by the folder's mode.
func (f folderFacts) writable(who account) bool {
	const writeAndEnter = 0o3
	mode := f.mode
	switch {
	case who.id == 0:
		return true
	case who.id == f.owner:
		mode >>= 6
	case slices.Contains(who.groups, f.group):
		mode >>= 3
	}
	return mode&writeAndEnter == writeAndEnter
}

func judgeFolder(dir string, who account, f folderFacts) Finding {
	about := "pki " + dir
	switch p := (places{"path": dir, "account": who.name}); {
	case f.err != nil:
		return found("renewal_blocked", about, f.err.Error(), p)
	case !f.writable(who):
		return found("renewal_blocked", about, who.name+" may not write there", p)
	}
	return fine(checkFiles, about, "%s may put renewed certificates there", who.name)
}
