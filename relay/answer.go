package relay

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"understudy/launchfile"
	"understudy/wire"
)

// answer is a complete answer of the cloud broker.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// readAnswer reads an answer and says why it is none, if it is none: an answer is
// a success, or a refusal in the words of the protocol.
func readAnswer(resp *http.Response, kind Kind) (answer, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, kind.most()+1))
	a := answer{resp.StatusCode, resp.Header, body}
	switch {
	case err != nil:
		return a, fmt.Errorf("the answer broke off: %w", err)
	case int64(len(body)) > kind.most():
		return a, fmt.Errorf("the answer is larger than %d bytes", kind.most())
	}
	return a, a.judge(kind)
}

func (a answer) judge(kind Kind) error {
	switch {
	case a.status/100 == 2:
		return a.judgeSuccess(kind)
	case a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests:
		if _, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil {
			return fmt.Errorf("the answer is %d without Retry-After", a.status)
		}
		return a.judgeProblem()
	case a.status/100 == 4:
		return a.judgeProblem()
	}
	return fmt.Errorf("the answer is %d %s", a.status, http.StatusText(a.status))
}

func (a answer) judgeSuccess(kind Kind) error {
	if kind.XML() {
		return a.judgeXML(kind)
	}
	if len(a.body) == 0 && a.status != http.StatusOK {
		return nil
	}
	if known, fault := launchfile.Judge(a.header.Get("Content-Type"), a.body); known && kind == Launch {
		return fault
	}
	if typ := a.mediaType(); typ != "application/json" {
		return fmt.Errorf("the answer is %q and not application/json", typ)
	}
	if !json.Valid(a.body) {
		return errors.New("the answer is not JSON")
	}
	return nil
}

func (a answer) judgeProblem() error {
	var p wire.Problem
	if typ := a.mediaType(); typ != "application/problem+json" {
		return fmt.Errorf("the answer is %d with %q and no problem document", a.status, typ)
	}
	if err := json.Unmarshal(a.body, &p); err != nil || p.Code == "" {
		return fmt.Errorf("the answer is %d and its problem document has no code", a.status)
	}
	return nil
}

func (a answer) mediaType() string {
	typ, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return strings.TrimSpace(a.header.Get("Content-Type"))
	}
	return typ
}

// retryAfter is zero where the answer says nothing of it.
func (a answer) retryAfter() time.Duration {
	seconds, err := strconv.Atoi(a.header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, maxRetry)) * time.Second
}

// maxRetry bounds the seconds that a cloud broker can ask for.
const maxRetry = 3600

// passed are the headers of an answer that go on to whoever asked.
var passed = [...]string{"Content-Type", "Content-Disposition", "Cache-Control", "Vary", "Retry-After", wire.HeaderTerm}

func (a answer) writeTo(w http.ResponseWriter) {
	for _, key := range passed {
		if v := a.header.Get(key); v != "" {
			w.Header().Set(key, v)
		}
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}
