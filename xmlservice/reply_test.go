package xmlservice_test

import (
	"strings"
	"testing"

	"understudy/xmlservice"
)

// LHC-43: answers of services that nobody here wrote: with other prologues, in another
// order, in other capitals, with elements that nobody here knows.
func TestRepliesOfOtherServices(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want xmlservice.Reply
	}{
		"our own": {string(xmlservice.FarmAnswer("SITE1")), xmlservice.Reply{Kind: "serverfarmdata", Farm: "SITE1"}},
		"no prologue": {
			`<NFuseProtocol version="1.1"><ResponseServerFarmData><ServerFarmData><ServerFarmName>SITE1</ServerFarmName></ServerFarmData></ResponseServerFarmData></NFuseProtocol>`,
			xmlservice.Reply{Kind: "serverfarmdata", Farm: "SITE1"},
		},
		"another encoding and order": {
			"\xef\xbb\xbf" + `<?xml version='1.0' encoding='ISO-8859-1'?><!DOCTYPE NFUSEPROTOCOL SYSTEM "NFuse.dtd"[]>` + "\n" +
				"<NFUSEPROTOCOL Version='4.7'><Extra/><RESPONSESERVERFARMDATA><Hint>7</Hint><SERVERFARMDATA><Other>x</Other><SERVERFARMNAME>\n B\xfcro \n</SERVERFARMNAME></SERVERFARMDATA></RESPONSESERVERFARMDATA></NFUSEPROTOCOL>",
			xmlservice.Reply{Kind: "serverfarmdata", Farm: "Büro"},
		},
		"a failure": {
			`<NFuseProtocol version="5.9"><ResponseAddress><MPSError type="IMA">0x8000000D</MPSError><ErrorId>unspecified</ErrorId></ResponseAddress></NFuseProtocol>`,
			xmlservice.Reply{Kind: "address", ErrorID: xmlservice.Unspecified},
		},
		"of an STA": {string(xmlservice.StaFailure(xmlservice.StaData, xmlservice.Unspecified)), xmlservice.Reply{STA: true, Kind: "data", ErrorID: xmlservice.Unspecified}},
	} {
		if got, err := xmlservice.ReadReply([]byte(c.body)); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

func TestNoReply(t *testing.T) {
	for name, c := range map[string]struct{ body, says string }{
		"nothing":      {"", "no response"},
		"a page":       {"<html><body>It works!</body></html>", "its root is <html>"},
		"cut off":      {string(xmlservice.FarmAnswer("SITE1"))[:150], "no XML"},
		"a request":    {`<NFuseProtocol><RequestServerFarmData/></NFuseProtocol>`, "no response"},
		"an entity":    {`<!DOCTYPE a [<!ENTITY x "y">]><NFuseProtocol><ResponseAddress>&x;</ResponseAddress></NFuseProtocol>`, "no XML"},
		"deep nesting": {"<NFuseProtocol>" + strings.Repeat("<a>", 100), "nested"},
	} {
		if got, err := xmlservice.ReadReply([]byte(c.body)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %+v, %v; want %q", name, got, err, c.says)
		}
	}
}
