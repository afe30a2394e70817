//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// byHand bounds one line of the README: the longest is a whole period of the
// zone's settings.
const byHand = 40 * time.Second

// shell carries out the lines of the README that are for a shell: the few things
// in them that a shell does, and the real binary for the rest.
type shell struct {
	t    testing.TB
	dir  string
	vars map[string]string
	jobs map[string]*process // by command line; of one command the latest
}

// TestZoneByHand runs examples/zone exactly as the README says.
func TestZoneByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../examples/zone")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil { // of a run by hand
		t.Fatal(err)
	}
	if !free("127.0.0.10", []int{7443}) || !free("127.0.0.11", []int{7480}) {
		t.Fatal("something listens on the addresses of examples/zone: does it run by hand?")
	}
	s := &shell{t: t, dir: dir, vars: map[string]string{}, jobs: map[string]*process{}}
	lines := readmeLines(t)
	for _, line := range lines {
		began := time.Now()
		s.run(line)
		t.Logf("%5.1fs  %s", time.Since(began).Seconds(), line)
	}
	for line, p := range s.jobs {
		if p.Running() {
			t.Errorf("%q still runs after the last line", line)
		}
	}
}

// readmeLines are those of the one block below "By hand" in the README.
func readmeLines(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## By hand\n")
	if !found {
		t.Fatal("README.md has no section By hand")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := strings.Split(section, "```\n")
	if len(blocks) != 3 {
		t.Fatalf("By hand has %d marks of blocks, want 2", len(blocks)-1)
	}
	var lines []string
	for line := range strings.Lines(blocks[1]) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// run carries out a line, and waits until it shows what the line says behind #.
func (s *shell) run(line string) {
	s.t.Helper()
	text, note, _ := strings.Cut(line, "#")
	for part := range strings.SplitSeq(text, "&& ") {
		words := strings.Fields(s.expand(part))
		switch words[0] {
		case "make", "cd": // the binary is built, and the shell is in the folder
		case "export":
			s.export(words[1:])
		case "kill":
			s.kill(words[1:])
		case "understudy":
			s.understudy(strings.TrimSpace(part), words[1:], shown(note))
		default:
			s.t.Fatalf("the README has a line that this test does not know: %s", line)
		}
	}
}

var variable = regexp.MustCompile(`\$[A-Z_]+`)

func (s *shell) expand(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string { return s.vars[name[1:]] })
}

func (s *shell) export(pairs []string) {
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		s.vars[name] = value
	}
}

// shown are the texts that a note names; what is in brackets at its end, after
// another text, is for people.
func shown(note string) []string {
	note = strings.TrimSpace(note)
	if at := strings.LastIndex(note, " ("); at > 0 && strings.Contains(note[at:], "Ctrl-C") {
		note = note[:at]
	}
	if note == "" {
		return nil
	}
	return strings.Split(note, ", ")
}

// kill ends jobs that are named by a part of their command line.
func (s *shell) kill(words []string) {
	s.t.Helper()
	hard := words[0] == "-9"
	if hard {
		words = words[1:]
	}
	for _, word := range words {
		p := s.job(strings.TrimPrefix(word, "%?"))
		if hard {
			p.Kill()
		} else if code := p.Stop(act); code != 0 {
			s.t.Errorf("got exit code %d of %s, want 0", code, word)
		}
	}
}

// job is the one that runs with the text in its command line; a shell refuses a
// text that fits two.
func (s *shell) job(text string) *process {
	s.t.Helper()
	var found []*process
	for line, p := range s.jobs {
		if strings.Contains(line, text) && p.Running() {
			found = append(found, p)
		}
	}
	if len(found) != 1 {
		s.t.Fatalf("%d jobs run that %q fits, want one", len(found), text)
	}
	return found[0]
}

func (s *shell) understudy(line string, words, want []string) {
	s.t.Helper()
	c := command{Name: strings.NewReplacer("/", "_", " ", "_").Replace(strings.Join(words[:min(3, len(words))], "_")), Args: words, Dir: s.dir, Env: s.environment()}
	switch {
	case words[len(words)-1] == "&":
		c.Args = words[:len(words)-1]
		s.jobs[line] = start(s.t, c)
	case words[len(words)-1] == "--watch":
		s.watch(c, want)
	default:
		eventually(s.t, byHand, line+" shows "+strings.Join(want, ", "), func() error {
			r := execute(s.t, c)
			if r.Code != 0 {
				return fmt.Errorf("exit code %d: %s", r.Code, r.Stderr)
			}
			return contains(r.Out, want)
		})
	}
}

// watch lets a command run until it has shown everything, in this order.
func (s *shell) watch(c command, want []string) {
	s.t.Helper()
	p := start(s.t, c)
	eventually(s.t, byHand, "the watch shows "+strings.Join(want, ", "), func() error { return inOrder(p.Log(), want) })
	p.signal(syscall.SIGINT)
	if code := p.Wait(act); code != 0 {
		s.t.Errorf("got exit code %d after Ctrl-C, want 0", code)
	}
}

func (s *shell) environment() []string {
	var out []string
	for name, value := range s.vars {
		if name != "PATH" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

func contains(text string, want []string) error {
	for _, w := range want {
		if !strings.Contains(text, w) {
			return fmt.Errorf("no %q in:\n%s", w, text)
		}
	}
	return nil
}

// inOrder looks for states, each as the status shows it.
func inOrder(text string, want []string) error {
	for _, w := range want {
		_, after, found := strings.Cut(text, "State      "+w)
		if !found {
			return errors.New("no state " + w + " in:\n" + tail(text, 20))
		}
		text = after
	}
	return nil
}
