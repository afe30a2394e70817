package doctor

import "golang.org/x/sys/unix"

// systems are the kinds of file systems that make a difference, by their numbers.
var systems = map[int64]fileSystem{
	unix.NFS_SUPER_MAGIC:   {name: "NFS", remote: true},
	unix.SMB_SUPER_MAGIC:   {name: "SMB", remote: true},
	unix.CIFS_SUPER_MAGIC:  {name: "CIFS", remote: true},
	unix.SMB2_SUPER_MAGIC:  {name: "SMB 2", remote: true},
	unix.CEPH_SUPER_MAGIC:  {name: "Ceph", remote: true},
	unix.AFS_SUPER_MAGIC:   {name: "AFS", remote: true},
	unix.CODA_SUPER_MAGIC:  {name: "Coda", remote: true},
	unix.NCP_SUPER_MAGIC:   {name: "NCP", remote: true},
	unix.V9FS_MAGIC:        {name: "9P", remote: true},
	unix.OCFS2_SUPER_MAGIC: {name: "OCFS2", remote: true},
	unix.TMPFS_MAGIC:       {name: "tmpfs", volatile: true},
	unix.RAMFS_MAGIC:       {name: "ramfs", volatile: true},
}

// volumeOf says how much room there is, and on what.
func volumeOf(dir string) (free uint64, system fileSystem, known bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, system, false
	}
	return s.Bavail * uint64(s.Bsize), systems[int64(uint32(s.Type))], true
}

func mayWrite(dir string) error { return unix.Access(dir, unix.W_OK|unix.X_OK) }
