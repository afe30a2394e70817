package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The parts list of a binary in the form of CycloneDX 1.6, as far as we use it.
type partsList struct {
	Format     string       `json:"bomFormat"`
	Spec       string       `json:"specVersion"`
	Serial     string       `json:"serialNumber"`
	Version    int          `json:"version"`
	Metadata   metadata     `json:"metadata"`
	Components []part       `json:"components"`
	Uses       []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string `json:"timestamp"`
	Component part   `json:"component"`
}

type part struct {
	Type    string `json:"type"`
	Ref     string `json:"bom-ref"`
	Name    string `json:"name"`
	Version string `json:"version"`
	URL     string `json:"purl"`
	Hashes  []hash `json:"hashes,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// writeParts says what is in a binary, by what the linker wrote into it.
func writeParts(r *release, arch, binary string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("read what the binary is made of: %w", err)
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	list := partsOf(r, info, sum)
	list.Metadata.Component.URL += "?arch=" + arch
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, "understudy_"+r.version+"_linux_"+arch+".cdx.json"), append(text, '\n'), 0o644)
}

func partsOf(r *release, info *buildinfo.BuildInfo, sum [sha256.Size]byte) partsList {
	product := newPart("application", info.Main.Path, r.version)
	product.Hashes = []hash{{"SHA-256", hex.EncodeToString(sum[:])}}
	parts := []part{newPart("library", "std", strings.TrimPrefix(info.GoVersion, "go"))}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, newPart("library", m.Path, m.Version))
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.Ref, b.Ref) })
	uses := dependency{Ref: product.Ref}
	for _, p := range parts {
		uses.On = append(uses.On, p.Ref)
	}
	return partsList{
		Format: "CycloneDX", Spec: "1.6", Serial: serial(sum), Version: 1,
		Metadata:   metadata{Timestamp: r.made.Format(time.RFC3339), Component: product},
		Components: parts, Uses: []dependency{uses},
	}
}

func newPart(kind, name, version string) part {
	url := "pkg:golang/" + name + "@" + strings.ReplaceAll(version, "+", "%2B")
	return part{Type: kind, Ref: url, Name: name, Version: version, URL: url}
}

// serial is a UUID (version 8) made of what the binary is.
func serial(sum [sha256.Size]byte) string {
	u := sum[:16]
	u = append([]byte(nil), u...)
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
