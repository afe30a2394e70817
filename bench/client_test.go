//go:build linux

package bench_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The client writes requests that were made before and reads no more of an answer
// than it must: net/http's would use more of the machine than the servers.

// storm sends the requests once each over so many connections.
type storm struct {
	address  string
	conns    int
	requests [][]byte
	status   int // that each answer must have; 0 takes any of 2xx
	// mayRefuse counts refusals instead of ending with the first.
	mayRefuse bool
	// read replaces the reading of HTTP answers.
	read func(*bufio.Reader) error
}

// outcome is how a storm went.
type outcome struct {
	rate    float64 // requests a second
	p99     time.Duration
	refused int
}

// refusal is an answer that is not what was asked for.
type refusal struct {
	status int
	text   string
}

func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.text) }

func (s storm) run() outcome {
	var next, refused atomic.Int64
	var group sync.WaitGroup
	times := make([][]time.Duration, s.conns)
	errs := make([]error, s.conns)
	began := time.Now()
	for i := range s.conns {
		group.Go(func() { times[i], errs[i] = s.connection(&next, &refused) })
	}
	group.Wait()
	took := time.Since(began)
	must(cmp.Or(errs...))
	all := slices.Concat(times...)
	if len(all) == 0 {
		must(errors.New("nothing was answered well"))
	}
	slices.Sort(all)
	return outcome{rate: float64(len(all)) / took.Seconds(), p99: all[len(all)*99/100], refused: int(refused.Load())}
}

func (s storm) connection(next, refused *atomic.Int64) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	read := s.read
	if read == nil {
		read = s.answer
	}
	r := bufio.NewReaderSize(conn, 16<<10)
	var times []time.Duration
	for {
		i := int(next.Add(1)) - 1
		if i >= len(s.requests) {
			return times, nil
		}
		began := time.Now()
		if _, err := conn.Write(s.requests[i]); err != nil {
			return nil, err
		}
		err := read(r)
		if _, ok := errors.AsType[*refusal](err); ok && s.mayRefuse {
			refused.Add(1)
			continue
		}
		if err != nil {
			return nil, err
		}
		times = append(times, time.Since(began))
	}
}

// answer reads one answer of HTTP/1.1.
func (s storm) answer(r *bufio.Reader) error {
	status, body, err := readAnswer(r)
	if err != nil {
		return err
	}
	if s.status != 0 && status != s.status || status/100 != 2 {
		return &refusal{status, string(body)}
	}
	return nil
}

func readAnswer(r *bufio.Reader) (status int, body []byte, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, nil, err
	}
	if len(line) < 12 {
		return 0, nil, fmt.Errorf("the answer begins with %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, nil, err
	}
	length, chunked := 0, false
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, err = strconv.Atoi(string(value))
		}
		chunked = chunked || bytes.Equal(line, []byte("Transfer-Encoding: chunked"))
		if err != nil {
			return 0, nil, err
		}
	}
	if chunked {
		body, err = readChunks(r)
		return status, body, err
	}
	if status/100 == 2 && length <= r.Size() {
		_, err = r.Discard(length)
		return status, nil, err
	}
	body = make([]byte, length)
	_, err = io.ReadFull(r, body)
	return status, body, err
}

func readChunks(r *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return nil, err
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, err
		}
		if n == 0 {
			return body, nil
		}
		body = append(body, chunk[:n]...)
	}
}

// post makes a request.
func post(path string, body []byte, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", path, len(body))
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// Issue 4: the client is not to be what is measured, and an error is not to be taken
// for an answer.
func TestClientReadsAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		status int
		body   string
	}{
		"a refusal": {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno!", 503, "no!"},
		"chunks":    {"HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 500, "abc"},
		"no body":   {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
	} {
		r := bufio.NewReader(bytes.NewReader([]byte(c.text + c.text)))
		for range 2 {
			status, body, err := readAnswer(r)
			if err != nil || status != c.status || string(body) != c.body {
				t.Errorf("%s: got %d %q %v, want %d %q", name, status, body, err, c.status, c.body)
			}
		}
	}
	if err := (storm{status: 201}).answer(bufio.NewReader(bytes.NewReader([]byte("HTTP/1.1 200 OK\r\n\r\n")))); err == nil {
		t.Error("got no error for 200, want one: 201 was expected")
	}
}
