package xmlservice

import (
	"reflect"
	"strings"
	"testing"
)

const nmapApps = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n<!DOCTYPE NFuseProtocol SYSTEM \"NFuse.dtd\">\r\n" +
	`<NFuseProtocol version="5.0"><RequestAppData><Scope traverse="onelevel" /><ServerType>all</ServerType><ClientType>ica30</ClientType><DesiredDetails>all</DesiredDetails><DesiredDetails>access-list</DesiredDetails></RequestAppData></NFuseProtocol>` + "\r\n"

// LHC-43: what known clients send is read, in every prologue, case and order.
func TestRequestsOfKnownClients(t *testing.T) {
	credentials := Credentials{Given: true, User: "alice", Password: "Password1", HasPassword: true, Domain: "EXAMPLE"}
	for name, c := range map[string]struct {
		body string
		want Request
	}{
		"nmap, applications": {nmapApps, Request{
			Kind: AppData, Known: true, Details: []string{"all", "access-list"}, ServerTypes: []string{"all"}, ClientTypes: []string{"ica30"},
		}},
		"nmap, an empty request": {`<NFuseProtocol version="1.1"><RequestServerFarmData></RequestServerFarmData></NFuseProtocol>`, Request{Kind: ServerFarmData, Known: true}},
		"a request with Nil":     {"\n<NFuseProtocol><RequestServerFarmData><Nil /></RequestServerFarmData></NFuseProtocol>", Request{Kind: ServerFarmData, Known: true}},
		"nmap, credentials": {
			`<NFuseProtocol version="5.0"><RequestValidateCredentials><Credentials><UserName>alice</UserName><Password encoding="cleartext">Password1</Password><Domain type="NT">EXAMPLE</Domain></Credentials></RequestValidateCredentials></NFuseProtocol>`,
			Request{Kind: ValidateCredentials, Known: true, Credentials: credentials},
		},
		"a StoreFront, other case and order, ctx1": {
			"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8' standalone=\"yes\"?><!DOCTYPE NFuseProtocol SYSTEM \"NFuse.dtd\"[]>\n" +
				`<NFuseProtocol version="5.5"><RequestAppData><Credentials><Password encoding="CTX1">PFFAJEDBOHECJEDBODEGIMCJPOFLJKDPKLAO</Password><Username>alice</Username><Domain Type="NT">EXAMPLE</Domain></Credentials><ClientType>ica30</ClientType><ClientType>rade</ClientType><DesiredDetails>permissions</DesiredDetails><Clientname>PC1</Clientname><ClientAddress addresstype="dot">10.0.0.5</ClientAddress><Scope Traverse="SubTree" type="PNFolder">$PRELAUNCH$</Scope></RequestAppData></NFuseProtocol>`,
			Request{
				Kind: AppData, Known: true, Credentials: credentials, ClientTypes: []string{"ica30", "rade"}, Details: []string{"permissions"},
				Client: Client{Name: "PC1", Address: "10.0.0.5"}, Scope: Scope{Folder: "$PRELAUNCH$", Subtree: true},
			},
		},
		"a monitor": {
			"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE NFuseProtocol SYSTEM \"NFuse.dtd\">\n<NFuseProtocol version=\"4.1\">\n<RequestAddress>\n<Flags>no-load-bias</Flags><Name>\n<AppName>NOTEPAD</AppName>\n</Name>\n</RequestAddress>\n</NFuseProtocol>\n",
			Request{Kind: Address, Known: true, NoLoadBias: true, Target: Target{Kind: ByApplication, Name: "NOTEPAD"}},
		},
		"a monitoring plugin": {
			`<NFuseProtocol version="1.1"><RequestAddress><Name><UnspecifiedName>Desktop&#32;Pool&#32;A</UnspecifiedName></Name><ClientName>x</ClientName><ClientAddress addresstype="dns-port" /><ServerAddress addresstype="dns-port" /><Flags /><Credentials><UserName>alice</UserName><Domain>EXAMPLE</Domain></Credentials></RequestAddress></NFuseProtocol>`,
			Request{
				Kind: Address, Known: true, AddressType: "dns-port", Client: Client{Name: "x"}, Target: Target{Kind: ByAnything, Name: "Desktop Pool A"},
				Credentials: Credentials{Given: true, User: "alice", Domain: "EXAMPLE"},
			},
		},
		"a session, trusted names": {
			`<NFuseProtocol><RequestAddress><Name><SessionName><InName> Notepad </InName><HostId type="ima-host-id">23363</HostId><SessionId>2</SessionId></SessionName></Name><Credentials><ID type="SAM">EXAMPLE\alice</ID><ID type="sid">S-1-5-21</ID></Credentials></RequestAddress></NFuseProtocol>`,
			Request{
				Kind: Address, Known: true, Target: Target{Kind: BySession, Name: "Notepad", Host: "23363", Session: "2"},
				Credentials: Credentials{Given: true, Asserted: []Identity{{"SAM", `EXAMPLE\alice`}, {"SID", "S-1-5-21"}}},
			},
		},
		"nobody in particular": {
			`<NFuseProtocol><RequestAppData><Credentials><AnonymousUser/></Credentials></RequestAppData></NFuseProtocol>`,
			Request{Kind: AppData, Known: true, Credentials: Credentials{Given: true, Anonymous: true}},
		},
		"latin letters": {
			"<?xml version=\"1.0\" encoding=\"iso-8859-1\"?><NFuseProtocol><RequestAddress><Name><AppName>B\xfcro</AppName></Name></RequestAddress></NFuseProtocol>",
			Request{Kind: Address, Known: true, Target: Target{Kind: ByApplication, Name: "Büro"}},
		},
		"Windows letters": {
			"<?xml version=\"1.0\" encoding=\"windows-1252\"?><NFuseProtocol><RequestAddress><Name><AppName>\x80\x93\xe9\x9f</AppName></Name></RequestAddress></NFuseProtocol>",
			Request{Kind: Address, Known: true, Target: Target{Kind: ByApplication, Name: "€“éŸ"}},
		},
		"a kind that nobody knows": {`<NFuseProtocol><RequestLaunchRef/></NFuseProtocol>`, Request{Kind: "LaunchRef"}},
	} {
		got, err := Parse([]byte(c.body))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\ngot  %#v, %v\nwant %#v", name, got, err, c.want)
		}
	}
}

// LHC-43, design 9: "XML: no DTD, no entities, bounded".
func TestBadXML(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"nothing":            {"", "no <NFuseProtocol>"},
		"no XML":             {"hello", "no <NFuseProtocol>"},
		"another document":   {"<html/>", "no <NFuseProtocol>"},
		"two documents":      {"<NFuseProtocol><RequestX/></NFuseProtocol><NFuseProtocol/>", "no <NFuseProtocol>"},
		"no request":         {"<NFuseProtocol/>", "does not hold one request"},
		"two requests":       {"<NFuseProtocol><RequestX/><RequestY/></NFuseProtocol>", "does not hold one request"},
		"an answer":          {"<NFuseProtocol><ResponseX/></NFuseProtocol>", "does not hold one request"},
		"half":               {"<NFuseProtocol><RequestX>", "in the middle of <requestx>"},
		"crossed":            {"<NFuseProtocol><RequestX></NFuseProtocol></RequestX>", "ends nothing"},
		"an unknown entity":  {"<NFuseProtocol><RequestX>&who;</RequestX></NFuseProtocol>", "entity"},
		"a defined entity":   {`<!DOCTYPE NFuseProtocol [<!ENTITY who "x">]><NFuseProtocol><RequestX>&who;</RequestX></NFuseProtocol>`, "defines entities"},
		"an encoding":        {`<?xml version="1.0" encoding="UTF-7"?><NFuseProtocol><RequestX/></NFuseProtocol>`, "encoding"},
		"deep":               {"<NFuseProtocol>" + strings.Repeat("<a>", maxDepth), "nested"},
		"wide":               {"<NFuseProtocol><RequestX>" + strings.Repeat("<a/>", maxElements), "more than 20000 elements"},
		"many attributes":    {"<NFuseProtocol" + strings.Repeat(` a="1"`, maxAttributes+1) + "/>", "attributes"},
		"large":              {"<NFuseProtocol>" + strings.Repeat(" ", MaxBody), "larger than"},
		"a password in ctx1": {`<NFuseProtocol><RequestX><Credentials><Password encoding="ctx1">PF~</Password></Credentials></RequestX></NFuseProtocol>`, "ctx1"},
		"an RSA password":    {`<NFuseProtocol><RequestX><Credentials><Password encoding="rsa128">00</Password></Credentials></RequestX></NFuseProtocol>`, "none of cleartext and ctx1"},
		"a long name":        {"<NFuseProtocol><Request" + strings.Repeat("X", maxName) + "/></NFuseProtocol>", "longer than 64"},
	} {
		if _, err := Parse([]byte(c.body)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one about %q", name, err, c.want)
		}
	}
}

// LHC-43: a trusted request with as many groups as go into 512 KB is read.
func TestManyGroups(t *testing.T) {
	id := `<ID type="SID">S-1-5-21-1004336348-1177238915-682003330-512</ID>`
	begin, end := `<NFuseProtocol><RequestAppData><Credentials>`, `</Credentials></RequestAppData></NFuseProtocol>`
	n := (MaxBody - len(begin) - len(end)) / len(id)
	r, err := Parse([]byte(begin + strings.Repeat(id, n) + end))
	if err != nil || len(r.Credentials.Asserted) != n {
		t.Errorf("got %d of %d groups, %v", len(r.Credentials.Asserted), n, err)
	}
}

// LHC-43: a password is in no text that is made of credentials.
func TestCredentialsKeepTheirPassword(t *testing.T) {
	c := Credentials{Given: true, User: "alice", Domain: "EXAMPLE", Password: "Password1", HasPassword: true}
	if c.String() != `EXAMPLE\alice` || strings.Contains(c.GoString(), "Password1") {
		t.Errorf("got %s, %#v", c, c)
	}
}

// LHC-30, LHC-43: what a known client asks of an STA is read.
func TestStaRequests(t *testing.T) {
	got, err := ParseSta([]byte(`<?xml version="1.0"?>
<!DOCTYPE CtxSTAProtocol SYSTEM "CtxSTA.dtd">
<CtxSTAProtocol version="4.0">
<RequestTicket>
<AllowedTicketType>STA-v4</AllowedTicketType>
<AllowedAuthorityIDType>STA-v1</AllowedAuthorityIDType>
<TicketData>
<Value name="ICAAddress">127.0.0.1:3389</Value>
<Value name="XData">
&lt;?xml version=&quot;1.0&quot;?&gt; </Value>
</TicketData>
<Control>
<Refreshable>True</Refreshable>
</Control>
</RequestTicket>
</CtxSTAProtocol>`))
	want := StaRequest{
		Kind: StaTicket, Known: true, TicketTypes: []string{"STA-v4"}, AuthorityTypes: []string{"STA-v1"}, Refreshable: true,
		Values: map[string]string{AddressValue: "127.0.0.1:3389", "XData": `<?xml version="1.0"?>`},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	got, err = ParseSta([]byte(`<CtxSTAProtocol><RequestData><Ticket>ABC</Ticket></RequestData></CtxSTAProtocol>`))
	if err != nil || got.Kind != StaData || !got.Known || got.Ticket != "ABC" {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ParseSta([]byte(nmapApps)); err == nil {
		t.Error("a request to the XML Service was taken for one to an STA")
	}
}

// Whatever comes is refused or read within its bounds; what was read has a kind.
func FuzzParse(f *testing.F) {
	f.Add([]byte(nmapApps))
	f.Add([]byte("<?xml version=\"1.0\" encoding=\"windows-1252\"?><CtxSTAProtocol><RequestTicket><TicketData><Value name=\"a\">\x80</Value></TicketData></RequestTicket></CtxSTAProtocol>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := Parse(body); err == nil {
			if _, err := Parse(Failure(r.Kind, Unspecified)); err == nil {
				t.Error("an answer was taken for a request")
			}
		}
		if r, err := ParseSta(body); err == nil && len(r.Kind) > maxName {
			t.Errorf("the kind %q is too long", r.Kind)
		}
	})
}
