package contract_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"understudy/cloud"
	"understudy/cloud/contract"
	"understudy/env"
)

// The OpenAPI file is valid and says of every answer of the whole suite what it
// is; and each of its operations is used, so that none can become wrong unseen.
func TestOpenAPIFileTellsTheTruth(t *testing.T) {
	doc := loadDocument(t)
	watcher := &watcher{t: t, doc: doc, router: routerOf(t, doc), target: start(t), seen: map[string]bool{}}
	front := httptest.NewUnstartedServer(watcher)
	front.Config.Protocols = new(http.Protocols)
	front.Config.Protocols.SetHTTP1(true)
	front.Config.Protocols.SetUnencryptedHTTP2(true)
	front.Start()
	defer front.Close()

	report, err := contract.Run(t.Context(), options(front.URL))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if c.Outcome != contract.Passed {
			t.Errorf("%s: %s %s", c.Name, c.Outcome, c.Reason)
		}
	}
	for path, item := range doc.Paths.Map() {
		for _, operation := range item.Operations() {
			if !watcher.seen[operation.OperationID] {
				t.Errorf("no check uses %s of %s", operation.OperationID, path)
			}
		}
	}
}

func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("../../docs/cloud-contract.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func routerOf(t *testing.T, doc *openapi3.T) routers.Router {
	t.Helper()
	doc.Servers = nil // any host
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return router
}

// watcher stands before the cloud broker and holds its answers against the file.
type watcher struct {
	t      *testing.T
	doc    *openapi3.T
	router routers.Router
	target string
	mu     sync.Mutex // guards seen
	seen   map[string]bool
}

func (x *watcher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route, params, err := x.router.FindRoute(r)
	if err != nil {
		x.t.Errorf("%s %s is not in the file: %v", r.Method, r.URL.Path, err)
		return
	}
	x.mu.Lock()
	x.seen[route.Operation.OperationID] = true
	x.mu.Unlock()
	proxy := x.proxy(r)
	if r.ProtoMajor == 2 {
		proxy.ServeHTTP(w, r)
		return
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	got := httptest.NewRecorder()
	proxy.ServeHTTP(got, r)
	x.judge(in, got)
	maps.Copy(w.Header(), got.Header())
	w.WriteHeader(got.Code)
	_, _ = w.Write(got.Body.Bytes())
}

func (x *watcher) proxy(r *http.Request) http.Handler {
	to, err := url.Parse(x.target)
	if err != nil {
		x.t.Error(err)
	}
	transport := env.Real().Transport(nil)
	if r.ProtoMajor == 2 {
		transport = env.Real().StreamTransport(nil)
	}
	return &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(to) },
		Transport: transport, FlushInterval: -1,
	}
}

func (x *watcher) judge(in *openapi3filter.RequestValidationInput, got *httptest.ResponseRecorder) {
	body := got.Body.Bytes()
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.Code, Header: got.Header(), Body: io.NopCloser(bytes.NewReader(body)), Options: in.Options,
	}
	if strings.HasPrefix(got.Header().Get("Content-Type"), cloud.ConfigurationType) || got.Code == http.StatusNotModified || got.Code == http.StatusNoContent {
		answer.Options = &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: true}
	}
	if err := openapi3filter.ValidateResponse(context.Background(), answer); err != nil {
		x.t.Errorf("%s %s: %d: %v\n%s", in.Request.Method, in.Request.URL, got.Code, err, body)
	}
}
