package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"understudy/cmd/understudy/cli"
)

// manual writes a page for each command.
func (s *stage) manual() error {
	pages, err := os.MkdirTemp("", "understudy-pages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(pages)
	header := &doc.GenManHeader{Section: "1", Source: "understudy " + s.version, Manual: "Understudy", Date: &s.made}
	root := cli.Command()
	root.DisableAutoGenTag = true
	if err := doc.GenManTree(root, header, pages); err != nil {
		return err
	}
	names, err := filepath.Glob(filepath.Join(pages, "*.1"))
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.compressed(name, "usr/share/man/man1/"+filepath.Base(name)+".gz"); err != nil {
			return err
		}
	}
	return nil
}

// completions writes what each shell completes commands with.
func (s *stage) completions() error {
	for name, generate := range map[string]func(*cobra.Command, io.Writer) error{
		"usr/share/bash-completion/completions/understudy":    func(c *cobra.Command, w io.Writer) error { return c.GenBashCompletionV2(w, true) },
		"usr/share/zsh/vendor-completions/_understudy":        (*cobra.Command).GenZshCompletion,
		"usr/share/fish/vendor_completions.d/understudy.fish": func(c *cobra.Command, w io.Writer) error { return c.GenFishCompletion(w, true) },
	} {
		var text bytes.Buffer
		if err := generate(cli.Command(), &text); err != nil {
			return err
		}
		if err := s.write(name, text.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// compressed copies a file as gzip with neither name nor time in it.
func (s *stage) compressed(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return s.zip(to, data)
}

func (s *stage) zip(to string, data []byte) error {
	packed, err := zipped(data)
	if err != nil {
		return err
	}
	return s.write(to, packed)
}

func zipped(data []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}
