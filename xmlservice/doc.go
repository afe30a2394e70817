// Package xmlservice reads what clients of an XML Service and of an STA send, and
// writes answers that they can read (LHC-43). It knows elements, encodings and their
// bounds, and nothing of brokering: handlers and clients use it.
//
// The protocol has no public definition. What is read and written here is what public
// descriptions and captures of clients and servers show; where they are silent the
// choice is ours, and docs/xml-service.md says so.
package xmlservice
