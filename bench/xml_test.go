//go:build linux

package bench_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"understudy/storefront"
	"understudy/wire"
	"understudy/xmlservice"
)

// measureXML compares enumeration and launches over the XML Service with the same in
// JSON, of the same broker, in turns.
func measureXML(l *lab) {
	ip := l.loopback()
	machines := *options.machines / 5
	address := ip + ":7480"
	listens(address, l.role("broker", address, l.folder(), fmt.Sprint(machines)))
	registering := posts("/vda/v1/registrations", registrations(machines))
	users := machines / 2
	storm{address: address, conns: callers, requests: registering}.run()
	expect(address, nfuse("AppData", userName(1), ""), "<FName>")
	lists := compared(machines/2, func(i int) ([]byte, []byte) {
		user := userName(i % users)
		return nfuse("AppData", user, ""), need(json.Marshal(wire.ResourcesRequest{User: user}))
	})
	enumeration, _ := compare(address, address, lists.xml, lists.json)
	l.table.add(row{
		Name: "XML Service: enumeration, 64 connections", Value: median(enumeration.ours), Unit: "requests/s",
		Against: fmt.Sprintf("in JSON: %.0f/s", median(enumeration.peer)), Ratio: enumeration.ratio(),
	}, bar{})
	expect(address, nfuse("Address", userName(1), "desktop:group001"), "<TicketTag>")
	launches := compared(machines/4, func(i int) ([]byte, []byte) {
		user, resource := userName(i%users), fmt.Sprintf("desktop:group%03d", i%users%200)
		return nfuse("Address", user, resource), need(json.Marshal(wire.LaunchRequest{User: user, Resource: resource}))
	})
	var launch pairs
	for range *options.rounds {
		// New registrations without sessions end those of the launches before.
		storm{address: address, conns: callers, requests: registering}.run()
		ours := storm{address: address, conns: callers, requests: launches.xml}.run().rate
		storm{address: address, conns: callers, requests: registering}.run()
		launch.add(ours, storm{address: address, conns: callers, requests: launches.json}.run().rate)
	}
	l.table.add(row{
		Name: "XML Service: launch, durable, 64 callers", Value: median(launch.ours), Unit: "launches/s",
		Against: fmt.Sprintf("in JSON: %.0f/s", median(launch.peer)), Ratio: launch.ratio(),
	}, bar{})
}

// both are the same requests in both forms.
type both struct{ xml, json [][]byte }

func compared(n int, make func(i int) (inXML, inJSON []byte)) both {
	var b both
	for i := range n {
		x, j := make(i)
		path := "/storefront/v1/resources"
		if strings.Contains(string(x), "RequestAddress") {
			path = "/storefront/v1/sessions"
		}
		b.xml, b.json = append(b.xml, post(storefront.XMLPath, x)), append(b.json, post(path, j))
	}
	return b
}

// nfuse is a request of a trusted front end.
func nfuse(kind, user, application string) []byte {
	name := ""
	if application != "" {
		name = `<ServerAddress addresstype="dns-port"/><Name><AppName>` + application + "</AppName></Name>"
	}
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><NFuseProtocol version="5.4"><Request%s>%s<Credentials><ID type="SAM">BENCH\%s</ID></Credentials></Request%s></NFuseProtocol>`, kind, name, user, kind)
}

// expect asks once, because a refusal in XML is 200 too.
func expect(address string, body []byte, part string) {
	resp, err := http.Post("http://"+address+storefront.XMLPath, xmlservice.ContentType, strings.NewReader(string(body)))
	must(err)
	defer resp.Body.Close()
	if text := string(need(io.ReadAll(resp.Body))); !strings.Contains(text, part) {
		panic(stop{fmt.Errorf("the answer has no %s: %s", part, text)})
	}
}
