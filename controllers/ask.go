package controllers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"understudy/wire"
	"understudy/xmlservice"
)

// The paths of the two services.
const (
	xmlPath = "/scripts/wpnbr.dll"
	staPath = "/scripts/ctxsta.dll"
)

// ErrNotXML says that a request is none of XML Service or STA, which is all that
// controllers take.
var ErrNotXML = errors.New("controllers take requests in XML only")

// reply is a controller's answer, read whole.
type reply struct {
	xmlservice.Reply
	header http.Header
	body   []byte
}

// Forward sends a request to the first controller that answers. Each has its share of
// the time that is left; an answer that tells of an error is one, unless the controller
// says of itself that it is out of service. A ticket's data are asked for at each until
// one knows it: only the STA that issued it does.
func (p *Pool) Forward(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	path, _, _ := strings.Cut(target, "?")
	path = strings.ToLower(path)
	if method != http.MethodPost || path != xmlPath && path != staPath {
		return nil, ErrNotXML
	}
	redeems := false
	if path == staPath {
		asked, err := xmlservice.ParseSta(body)
		redeems = err == nil && asked.Kind == xmlservice.StaData
	} else if asked, _ := xmlservice.Parse(body); len(asked.Credentials.Asserted) > 0 && header.Get(wire.HeaderTrusted) != "true" {
		return notTrusted(asked.Kind).response(), nil
	}
	got, err := p.first(ctx, func(ctx context.Context, s *server) (reply, error) {
		return p.post(ctx, s, path, header.Get("Content-Type"), body)
	}, func(r reply) bool { return redeems && r.ErrorID != "" })
	if err != nil {
		return nil, err
	}
	return got.response(), nil
}

// notTrusted is for a caller that asserts a user and has not shown who it is. The
// controllers may believe whoever comes from here.
func notTrusted(kind xmlservice.Kind) reply {
	return reply{body: xmlservice.Failure(kind, xmlservice.NotTrusted)}
}

// first asks one controller after the other. One that fails comes last for a while; an
// answer that is not the last word is kept in case nobody has a better one.
func (p *Pool) first(ctx context.Context, ask func(context.Context, *server) (reply, error), goOn func(reply) bool) (reply, error) {
	var second *reply
	var errs []error
	servers := p.order(time.Now())
	for i, s := range servers {
		got, err := p.within(ctx, len(servers)-i, s, ask)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", s.url, err))
			if ctx.Err() == nil {
				p.failed(time.Now(), s, err)
			}
		case goOn(got):
			if second == nil {
				second = &got
			}
		default:
			p.answered(s)
			return got, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	if second != nil {
		return *second, nil
	}
	return reply{}, errors.Join(errs...)
}

// within gives a server its share of the time that is left.
func (p *Pool) within(ctx context.Context, left int, s *server, ask func(context.Context, *server) (reply, error)) (reply, error) {
	if end, ok := ctx.Deadline(); ok {
		share := time.Until(end) / time.Duration(left)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, share, fmt.Errorf("no answer within %s", share.Round(10*time.Millisecond)))
		defer cancel()
	}
	got, err := ask(ctx, s)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return got, err
}

// post sends a body and reads the answer, which is one of the service that was asked.
func (p *Pool) post(ctx context.Context, s *server, path, contentType string, body []byte) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if !strings.Contains(contentType, "xml") {
		contentType = "text/xml"
	}
	r.Header.Set("Content-Type", contentType)
	resp, err := p.http.RoundTrip(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return reply{}, fmt.Errorf("the answer is %s", wire.Clip(resp.Status))
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, xmlservice.MaxAnswer+1))
	if err != nil {
		return reply{}, fmt.Errorf("the answer broke off: %w", err)
	}
	return read(resp.Header, text, path == staPath)
}

func read(header http.Header, text []byte, sta bool) (reply, error) {
	if len(text) > xmlservice.MaxAnswer {
		return reply{}, fmt.Errorf("the answer is larger than %d bytes", xmlservice.MaxAnswer)
	}
	got, err := xmlservice.ReadReply(text)
	switch {
	case err != nil:
		return reply{}, err
	case got.STA != sta:
		return reply{}, errors.New("the answer is one of another service")
	case got.ErrorID == xmlservice.ServiceUnavailable:
		return reply{}, errors.New("it is out of service")
	}
	return reply{Reply: got, header: header, body: text}, nil
}

// response is the answer as the relay passes it on.
func (r reply) response() *http.Response {
	h := http.Header{"Content-Type": {"text/xml"}}
	if typ := r.header.Get("Content-Type"); typ != "" {
		h.Set("Content-Type", typ)
	}
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(bytes.NewReader(r.body)), ContentLength: int64(len(r.body)),
	}
}
