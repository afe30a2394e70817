//go:build linux

package e2e_test

import (
	"context"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// lossyDisk is a file system in memory under a real folder. It notes every step, so
// that what a power failure after any of them would leave can be looked at later:
// only what was synced, be it the bytes of a file or the names in a folder.
type lossyDisk struct {
	folder string // where it is mounted

	mu      sync.Mutex // guards what follows
	live    tree
	steps   []diskStep
	next    uint64
	refuses bool // it is read-only
}

// mountLossy mounts a disk with these files, all durable, for the time of the test.
func mountLossy(t testing.TB, files map[string][]byte) *lossyDisk {
	t.Helper()
	needFuse(t)
	d := &lossyDisk{folder: t.TempDir(), live: newTree(), next: rootNode}
	d.fill(files)
	server, err := fs.Mount(d.folder, &lossyNode{disk: d, number: rootNode}, &fs.Options{
		MountOptions:      fuse.MountOptions{DirectMountStrict: true, FsName: "lossy", Name: "lossy", DisableXAttrs: true},
		FirstAutomaticIno: 1 << 40,
	})
	if err != nil {
		t.Fatalf("mount the lossy disk: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(d.folder, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount the lossy disk: %v", err)
		}
		server.Wait()
	})
	return d
}

func needFuse(t testing.TB) {
	t.Helper()
	needRoot(t)
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		unfit(t, "needs /dev/fuse (load the kernel's module fuse): "+err.Error())
	}
	f.Close()
}

// fill writes the files durably; a folder comes before what is in it.
func (d *lossyDisk) fill(files map[string][]byte) {
	folders := map[string]uint64{".": rootNode}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		clean := path.Clean(name)
		in := folders[path.Dir(clean)]
		node := d.make(in, path.Base(clean), clean != name)
		if clean != name {
			folders[clean] = node
		} else {
			_ = d.do(diskStep{kind: stepWrite, node: node, data: files[name]})
		}
		_ = d.do(diskStep{kind: stepSync, node: node})
		_ = d.do(diskStep{kind: stepSync, node: in})
	}
}

// now is how many steps were done.
func (d *lossyDisk) now() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.steps)
}

// history returns the steps that were done.
func (d *lossyDisk) history() []diskStep {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.steps)
}

func (d *lossyDisk) do(s diskStep) syscall.Errno {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuses {
		return syscall.EROFS
	}
	d.note(s)
	return fs.OK
}

// note is called with the lock held.
func (d *lossyDisk) note(s diskStep) {
	d.steps = append(d.steps, s)
	d.live.apply(s)
}

// make gives a new node a name, and returns its number: 0 on a read-only disk.
func (d *lossyDisk) make(in uint64, name string, folder bool) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuses {
		return 0
	}
	d.next++
	d.note(diskStep{kind: stepMake, node: in, name: name, child: d.next, folder: folder})
	return d.next
}

func (d *lossyDisk) size(node uint64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(len(d.live[node].live.bytes))
}

func (d *lossyDisk) read(node uint64, into []byte, offset int64) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	content := d.live[node].live.bytes
	return into[:copy(into, content[min(offset, int64(len(content))):])]
}

// lossyNode is a file or folder of the disk, as the kernel asks for it.
type lossyNode struct {
	fs.Inode

	disk   *lossyDisk
	number uint64
}

var _ interface {
	fs.NodeGetattrer
	fs.NodeSetattrer
	fs.NodeLookuper
	fs.NodeReaddirer
	fs.NodeOpener
	fs.NodeReader
	fs.NodeWriter
	fs.NodeFsyncer
	fs.NodeCreater
	fs.NodeMkdirer
	fs.NodeUnlinker
	fs.NodeRmdirer
	fs.NodeRenamer
} = (*lossyNode)(nil)

func (n *lossyNode) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	n.attributes(&out.Attr)
	return fs.OK
}

func (n *lossyNode) attributes(out *fuse.Attr) {
	out.Mode, out.Nlink = n.Mode()|0o600, 1
	if n.IsDir() {
		out.Mode |= 0o700
		return
	}
	out.Size = n.disk.size(n.number)
}

func (n *lossyNode) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		if err := n.disk.do(diskStep{kind: stepResize, node: n.number, offset: int64(size)}); err != fs.OK {
			return err
		}
	}
	n.attributes(&out.Attr)
	return fs.OK
}

func (n *lossyNode) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY && n.disk.readOnly() {
		return nil, 0, syscall.EROFS
	}
	if flags&syscall.O_TRUNC != 0 {
		_ = n.disk.do(diskStep{kind: stepResize, node: n.number})
	}
	return nil, 0, fs.OK
}

func (n *lossyNode) Read(_ context.Context, _ fs.FileHandle, into []byte, offset int64) (fuse.ReadResult, syscall.Errno) {
	return fuse.ReadResultData(n.disk.read(n.number, into, offset)), fs.OK
}

func (n *lossyNode) Write(_ context.Context, _ fs.FileHandle, data []byte, offset int64) (uint32, syscall.Errno) {
	if err := n.disk.do(diskStep{kind: stepWrite, node: n.number, offset: offset, data: slices.Clone(data)}); err != fs.OK {
		return 0, err
	}
	return uint32(len(data)), fs.OK
}

func (n *lossyNode) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return n.disk.do(diskStep{kind: stepSync, node: n.number})
}

// entries are the folder's.
func (n *lossyNode) entries() map[string]fuse.DirEntry {
	n.disk.mu.Lock()
	defer n.disk.mu.Unlock()
	out := map[string]fuse.DirEntry{}
	for name, number := range n.disk.live[n.number].live.names {
		mode := uint32(syscall.S_IFREG)
		if n.disk.live[number].folder {
			mode = syscall.S_IFDIR
		}
		out[name] = fuse.DirEntry{Name: name, Mode: mode, Ino: number}
	}
	return out
}

func (n *lossyNode) Readdir(context.Context) (fs.DirStream, syscall.Errno) {
	entries := n.entries()
	var list []fuse.DirEntry
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		list = append(list, entries[name])
	}
	return fs.NewListDirStream(list), fs.OK
}

func (n *lossyNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	e, ok := n.entries()[name]
	if !ok {
		return nil, syscall.ENOENT
	}
	return n.node(ctx, e.Ino, e.Mode, out), fs.OK
}

func (n *lossyNode) node(ctx context.Context, number uint64, mode uint32, out *fuse.EntryOut) *fs.Inode {
	inode := n.NewPersistentInode(ctx, &lossyNode{disk: n.disk, number: number}, fs.StableAttr{Mode: mode, Ino: number})
	inode.Operations().(*lossyNode).attributes(&out.Attr)
	return inode
}

func (n *lossyNode) child(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	number := n.disk.make(n.number, name, mode == syscall.S_IFDIR)
	if number == 0 {
		return nil, syscall.EROFS
	}
	return n.node(ctx, number, mode, out), fs.OK
}

func (n *lossyNode) Create(ctx context.Context, name string, _, _ uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, err := n.child(ctx, name, syscall.S_IFREG, out)
	return inode, nil, 0, err
}

func (n *lossyNode) Mkdir(ctx context.Context, name string, _ uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	return n.child(ctx, name, syscall.S_IFDIR, out)
}

func (n *lossyNode) Unlink(_ context.Context, name string) syscall.Errno {
	return n.disk.do(diskStep{kind: stepRemove, node: n.number, name: name})
}

func (n *lossyNode) Rmdir(ctx context.Context, name string) syscall.Errno { return n.Unlink(ctx, name) }

func (n *lossyNode) Rename(_ context.Context, name string, into fs.InodeEmbedder, as string, flags uint32) syscall.Errno {
	folder, ours := into.(*lossyNode)
	if !ours || flags != 0 {
		return syscall.EINVAL
	}
	return n.disk.do(diskStep{kind: stepRename, node: n.number, name: name, into: folder.number, as: as})
}

// restore writes files into a folder of the real disk.
func restore(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		full := filepath.Join(dir, name)
		if name[len(name)-1] == '/' {
			must(t, os.MkdirAll(full, 0o700))
			continue
		}
		must(t, os.MkdirAll(filepath.Dir(full), 0o700))
		must(t, os.WriteFile(full, content, 0o600))
	}
}
