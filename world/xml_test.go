package world_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"understudy/site"
	"understudy/storefront"
	"understudy/world"
	"understudy/xmlservice"
	"understudy/zone"
)

// everybody has the same password.
type everybody struct{}

func (everybody) Check(_ context.Context, c xmlservice.Claim) (xmlservice.User, error) {
	if c.Password != "secret" {
		return xmlservice.User{}, &xmlservice.Refusal{ID: xmlservice.FailedCredentials}
	}
	return xmlservice.User{Name: c.User}, nil
}

const xmlCredentials = `<Credentials><UserName>bob</UserName><Password encoding="cleartext">secret</Password></Credentials>`

// askXML asks a connector and returns status and answer.
func askXML(ctx context.Context, c site.Connector, path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.ClientURL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "text/xml")
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), err
}

const xmlStatus = "HTTP status %d"

// tellsXML checks what a connector answers to each request.
func tellsXML(ctx context.Context, c site.Connector, status int, want map[string]string) error {
	var wrong []error
	for request, part := range want {
		path, body := "/scripts/WPnBr.dll", "<NFuseProtocol>"+request+"</NFuseProtocol>"
		if strings.Contains(request, "ICAAddress") {
			path, body = "/scripts/CtxSTA.dll", "<CtxSTAProtocol>"+request+"</CtxSTAProtocol>"
		}
		got, answer, err := askXML(ctx, c, path, body)
		if err != nil || got != status || !strings.Contains(answer, part) {
			wrong = append(wrong, fmt.Errorf("%s: "+xmlStatus+", %s, %w; want %d with %s", request, got, answer, err, status, part))
		}
	}
	return errors.Join(wrong...)
}

// LHC-04, LHC-22, LHC-42, LHC-43: the XML Service and the STA are relayed in Normal by
// every connector; in HA mode the elected one serves, and all others fail the farm's
// identity and the ticket tag at once.
func TestXMLServiceThroughAnOutage(t *testing.T) {
	w, ctx := startAs(t, nil, func(o *world.Options) { o.XML = storefront.XML{Users: everybody{}} })
	all := w.Connectors()
	launch := `<RequestAddress><ServerAddress addresstype="dns-port"/><Name><AppName>Writer</AppName></Name>` + xmlCredentials + "</RequestAddress>"
	served := map[string]string{
		"<RequestServerFarmData><Nil/></RequestServerFarmData>":                                                      "<ServerFarmName>demo</ServerFarmName>",
		"<RequestAddress><Flags>no-load-bias</Flags><Name><AppName>Pooled desktop</AppName></Name></RequestAddress>": "<TicketTag>",
		"<RequestAppData>" + xmlCredentials + "</RequestAppData>":                                                    "<FName>Writer</FName>",
		launch: ".demo.test:3389</ServerAddress>",
		`<RequestTicket><TicketData><Value name="ICAAddress">ws01:3389</Value></TicketData></RequestTicket>`: "<AuthorityID>STA",
	}
	for _, c := range all {
		if err := tellsXML(ctx, c, http.StatusOK, served); err != nil {
			t.Errorf("%s in Normal: %v", c.FQDN, err)
		}
	}
	w.KillCloud()
	eventually(t, "HA mode", in(w, zone.InitialHA, names(w)...))
	served[strings.Replace(launch, "Writer", "pool", 1)] = "<TicketTag>"
	eventually(t, "the elected one serves", func() error { return tellsXML(ctx, all[0], http.StatusOK, served) })
	refused := map[string]string{}
	for request := range served {
		refused[request] = "<ErrorId>service-unavailable</ErrorId>"
	}
	for _, c := range all[1:] {
		if err := tellsXML(ctx, c, http.StatusServiceUnavailable, refused); err != nil {
			t.Errorf("%s, not elected: %v", c.FQDN, err)
		}
	}
	records, err := w.Agent(all[0].FQDN).Journal(ctx)
	if err != nil || len(records) == 0 {
		t.Errorf("LHC-30: the launch of the outage was not recorded: %v, %v", records, err)
	}
}
