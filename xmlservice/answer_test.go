package xmlservice

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const (
	nfuse = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE NFuseProtocol SYSTEM \"NFuse.dtd\">\n<NFuseProtocol version=\"5.9\">"
	sta   = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE CtxSTAProtocol SYSTEM \"CtxSTA.dtd\">\n<CtxSTAProtocol version=\"4.0\">"
)

// LHC-42, LHC-43: answers have the bytes that known clients look for, of which some
// read no XML.
func TestAnswersInTheBytesOfKnownClients(t *testing.T) {
	app := App{Name: "pool-a", Title: "Desktop Pool A", Desktop: true, Farm: "site1", Users: []Account{{"alice", "EXAMPLE"}}, Groups: []Account{{"VDI Users", "EXAMPLE"}}}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"protocol info": {ProtocolAnswer(), nfuse + `<ResponseProtocolInfo><ServerAddress addresstype="no-change"></ServerAddress></ResponseProtocolInfo></NFuseProtocol>`},
		"farm":          {FarmAnswer("SITE1"), nfuse + `<ResponseServerFarmData><ServerFarmData><ServerFarmName>SITE1</ServerFarmName></ServerFarmData></ResponseServerFarmData></NFuseProtocol>`},
		"capabilities":  {CapabilitiesAnswer("user-identity", "sid-enumeration"), nfuse + `<ResponseCapabilities><CapabilityId>user-identity</CapabilityId><CapabilityId>sid-enumeration</CapabilityId></ResponseCapabilities></NFuseProtocol>`},
		"servers":       {ServersAnswer([]string{"VDA-01"}), nfuse + `<ResponseServerData><ServerData><ServerName>VDA-01</ServerName><ServerType>win32</ServerType><ClientType>ica30</ClientType></ServerData></ResponseServerData></NFuseProtocol>`},
		"valid":         {ValidAnswer(nil), nfuse + `<ResponseValidateCredentials></ResponseValidateCredentials></NFuseProtocol>`},
		"who": {
			ValidAnswer([]Identity{{"SAM", `EXAMPLE\alice`}}),
			nfuse + `<ResponseValidateCredentials><UserIdentityInfo><ID type="SAM">EXAMPLE\alice</ID></UserIdentityInfo></ResponseValidateCredentials></NFuseProtocol>`,
		},
		"not valid": {Failure(ValidateCredentials, FailedCredentials), nfuse + `<ResponseValidateCredentials><ErrorId>failed-credentials</ErrorId></ResponseValidateCredentials></NFuseProtocol>`},
		"address": {
			AddressAnswer(Endpoint{Host: "127.0.0.1", Port: 3389, Tag: "IMAHostId:1"}),
			nfuse + `<ResponseAddress><ServerAddress addresstype="dot-port">127.0.0.1:3389</ServerAddress><ServerType>win32</ServerType><ConnectionType>tcp</ConnectionType><ClientType>ica30</ClientType><TicketTag>IMAHostId:1</TicketTag></ResponseAddress></NFuseProtocol>`,
		},
		"bare address": {
			AddressAnswer(Endpoint{Host: "127.0.0.1", Port: 3389, Tag: "t", Bare: true, Reconnects: true}),
			nfuse + `<ResponseAddress><ServerAddress addresstype="dot">127.0.0.1</ServerAddress><ServerType>win32</ServerType><ConnectionType>tcp</ConnectionType><ClientType>ica30</ClientType><TicketTag>t</TicketTag><DisconnectedSession/></ResponseAddress></NFuseProtocol>`,
		},
		"a name":   {AddressAnswer(Endpoint{Host: "vda1.example", Port: 1}), nfuse + `<ResponseAddress><ServerAddress addresstype="dns-port">vda1.example:1</ServerAddress><ServerType>win32</ServerType><ConnectionType>tcp</ConnectionType><ClientType>ica30</ClientType><TicketTag></TicketTag></ResponseAddress></NFuseProtocol>`},
		"ticket":   {TicketAnswer("234E9D1E6F9AE50D98AF5A063D28AF"), nfuse + `<ResponseTicket><Ticket>234E9D1E6F9AE50D98AF5A063D28AF</Ticket></ResponseTicket></NFuseProtocol>`},
		"done":     {Done(LogoffUserSessions), nfuse + `<ResponseLogoffUserSessions></ResponseLogoffUserSessions></NFuseProtocol>`},
		"sessions": {SessionsAnswer([]Session{{"Notepad", "23363", 2}}), nfuse + `<ResponseReconnectSessionData><AppDataSet><AppData type="session"><InName>Notepad</InName><DataType value="session"/><ServerType>win32</ServerType><ClientType>ica30</ClientType><HostId type="ima-host-id">23363</HostId><SessionId>2</SessionId></AppData></AppDataSet></ResponseReconnectSessionData></NFuseProtocol>`},
		"none":     {SessionsAnswer(nil), nfuse + `<ResponseReconnectSessionData></ResponseReconnectSessionData></NFuseProtocol>`},
		"applications": {
			AppsAnswer(Scope{}, []App{app}, Shown{Settings: true, Access: true}),
			nfuse + `<ResponseAppData><AppDataSet><Scope traverse="onelevel"></Scope><AppData><InName>pool-a</InName><FName>Desktop Pool A</FName><Details><Settings appisdisabled="false" appisdesktop="true"><Folder></Folder><Description>Desktop Pool A</Description><WinWidth>1024</WinWidth><WinHeight>768</WinHeight><WinColor>8</WinColor><WinType>pixels</WinType><WinScale>0</WinScale><SoundType minimum="false">none</SoundType><VideoType minimum="false">none</VideoType><Encryption minimum="true">basic</Encryption><AppOnDesktop value="false"/><AppInStartmenu value="false"/><PublisherName>site1</PublisherName><SSLEnabled>false</SSLEnabled><RemoteAccessEnabled>false</RemoteAccessEnabled></Settings><AccessList><User><UserName>alice</UserName><Domain type="NT">EXAMPLE</Domain></User><Group><GroupName>VDI Users</GroupName><Domain type="NT">EXAMPLE</Domain></Group></AccessList></Details><SeqNo>1</SeqNo><ServerType>win32</ServerType><ClientType>ica30</ClientType></AppData></AppDataSet></ResponseAppData></NFuseProtocol>`,
		},
		"applications without details": {
			AppsAnswer(Scope{Folder: "a&b", Subtree: true}, []App{{Name: "x", Title: "<X>", Anybody: true}}, Shown{}),
			nfuse + `<ResponseAppData><AppDataSet><Scope traverse="subtree">a&amp;b</Scope><AppData><InName>x</InName><FName>&lt;X&gt;</FName><Details></Details><SeqNo>1</SeqNo><ServerType>win32</ServerType><ClientType>ica30</ClientType></AppData></AppDataSet></ResponseAppData></NFuseProtocol>`,
		},
		"STA ticket":  {StaTicketAnswer("STA475DE9C8ABDA", "6C0E"), sta + `<ResponseTicket><AuthorityID>STA475DE9C8ABDA</AuthorityID><Ticket>6C0E</Ticket><TicketVersion>40</TicketVersion></ResponseTicket></CtxSTAProtocol>`},
		"STA data":    {StaDataAnswer(AddressValue, "10.0.0.1:3389"), sta + `<ResponseData><TicketData><Value name="ICAAddress">10.0.0.1:3389</Value></TicketData></ResponseData></CtxSTAProtocol>`},
		"STA refuses": {StaFailure(StaData, Unspecified), sta + `<ResponseData><ErrorId>unspecified</ErrorId></ResponseData></CtxSTAProtocol>`},
	} {
		if want := c.want + "\n"; string(c.got) != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, c.got, want)
		}
	}
	anybody := AppsAnswer(Scope{}, []App{{Anybody: true}}, Shown{Access: true})
	if !strings.Contains(string(anybody), "<Details><AccessList><AnonymousUser/></AccessList></Details>") {
		t.Errorf("got %s", anybody)
	}
}

// Whatever a name is, the answer is XML and the name is what a reader finds.
func TestNamesSurviveAnswers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.String().Draw(t, "name")
		d := xml.NewDecoder(strings.NewReader(string(FarmAnswer(name))))
		var found string
		for {
			token, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%q: %v", name, err)
			}
			if text, ok := token.(xml.CharData); ok {
				found += string(text)
			}
		}
		want := strings.Map(func(r rune) rune {
			if r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0xfffe || r == 0xffff {
				return 0xfffd
			}
			return r
		}, name)
		if found = strings.Trim(found, "\n"); found != strings.Trim(want, "\n") {
			t.Errorf("got %q, want %q", found, want)
		}
	})
}

// facts: two implementations agree on what "Password1" is in ctx1.
func TestCtx1(t *testing.T) {
	if got := Ctx1("Password1"); got != "PFFAJEDBOHECJEDBODEGIMCJPOFLJKDPKLAO" {
		t.Errorf("got %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.ReplaceAll(rapid.String().Draw(t, "text"), "\ufffd", "")
		if got, err := fromCtx1(Ctx1(text)); err != nil || got != text {
			t.Errorf("got %q, %v, want %q", got, err, text)
		}
	})
	for _, bad := range []string{"A", "AAAAA", "AAAZ", "aaaa", "PF A"} {
		if got, err := fromCtx1(bad); err == nil {
			t.Errorf("%s: got %q, want an error", bad, got)
		}
	}
}
