package main

import (
	"archive/tar"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// archive packs the tree for systems without a package manager that we know: in order
// of the names, of root, with the time of the commit.
func (s *stage) archive() error {
	name := "understudy_" + s.version + "_linux_" + s.arch
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	tree := os.DirFS(s.dir)
	err := fs.WalkDir(tree, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return s.archiveFile(w, tree, name, path)
	})
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return err
	}
	data, err := zipped(packed.Bytes())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.out, name+".tar.gz"), data, 0o644)
}

func (s *stage) archiveFile(w *tar.Writer, tree fs.FS, name, path string) error {
	data, err := fs.ReadFile(tree, path)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name + "/" + path, Mode: 0o644, Size: int64(len(data)), ModTime: s.made.Truncate(time.Second), Typeflag: tar.TypeReg}
	if path == "usr/bin/understudy" {
		header.Mode = 0o755
	}
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
