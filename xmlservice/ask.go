package xmlservice

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Requests that change nothing, for those who want to know whether a service works.

func ask(kind Kind, inner func(*writer)) []byte {
	return document("NFuseProtocol", "NFuse.dtd", version, func(w *writer) { w.with("Request"+string(kind), inner) })
}

// FarmRequest asks for the farm's name.
func FarmRequest() []byte { return ask(ServerFarmData, func(w *writer) { w.empty("Nil") }) }

// AppsRequest asks for what is published, for nobody in particular, with little of each.
func AppsRequest() []byte {
	return ask(AppData, func(w *writer) {
		w.text("Scope", "", "traverse", "onelevel")
		w.text("DesiredDetails", "permissions")
		types(w)
	})
}

// ProbeRequest asks where an application is, with the flag of those who do not come.
func ProbeRequest(application string) []byte {
	return ask(Address, func(w *writer) {
		w.text("Flags", noLoadBias)
		w.with("Name", func(w *writer) { w.text("AppName", application) })
	})
}

// StaDataRequest asks an STA what a ticket stands for.
func StaDataRequest(ticket string) []byte {
	return document(staRoot, "CtxSTA.dtd", staVersion, func(w *writer) {
		w.with("RequestData", func(w *writer) { w.text("Ticket", ticket) })
	})
}

// CheckAnswer says why a body is no answer of an XML Service. One that tells of an
// error is an answer.
func CheckAnswer(body []byte) error { return checkAnswer(body, "NFuseProtocol") }

// CheckStaAnswer says why a body is no answer of an STA.
func CheckStaAnswer(body []byte) error { return checkAnswer(body, staRoot) }

// checkAnswer keeps nothing of the body, which may be that of a large farm.
func checkAnswer(body []byte, root string) error {
	d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, byteOrderMark)))
	d.CharsetReader = charset
	depth := 0
	answers := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the answer is no XML: %w", err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth == 0 && !strings.EqualFold(t.Name.Local, root) {
				return fmt.Errorf("the answer is no <%s>", root)
			}
			answers = answers || depth == 1 && strings.HasPrefix(strings.ToLower(t.Name.Local), "response")
			depth++
		case xml.EndElement:
			depth--
		}
	}
	if !answers {
		return fmt.Errorf("the answer holds no response")
	}
	return nil
}
