package launchfile

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
)

// contentInfo, signedData and signerInfo are those of RFC 5652.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content signedData `asn1:"explicit,tag:0"`
}

type signedData struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Content      encapsulated
	Certificates asn1.RawValue
	Signers      []signerInfo `asn1:"set"`
}

// encapsulated holds no content: the signature is apart from what it signs.
type encapsulated struct{ Type asn1.ObjectIdentifier }

type signerInfo struct {
	Version   int
	Signer    issuerAndSerial
	Digest    pkix.AlgorithmIdentifier
	Algorithm pkix.AlgorithmIdentifier
	Signature []byte
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// cms is a signature of the content apart from it, with the certificates and without
// attributes.
func (s *Signer) cms(content []byte) ([]byte, error) {
	// The object identifiers of RFC 5652 and RFC 8017.
	var (
		data   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
		signed = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
		hash   = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
		rsa    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	)
	signature, err := s.sign(content)
	if err != nil {
		return nil, err
	}
	digest := pkix.AlgorithmIdentifier{Algorithm: hash, Parameters: asn1.NullRawValue}
	var chain []byte
	for _, c := range s.chain {
		chain = append(chain, c.Raw...)
	}
	return asn1.Marshal(contentInfo{Type: signed, Content: signedData{
		Version: 1, Digests: []pkix.AlgorithmIdentifier{digest}, Content: encapsulated{data},
		Certificates: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: chain},
		Signers: []signerInfo{{
			Version: 1,
			Signer:  issuerAndSerial{asn1.RawValue{FullBytes: s.chain[0].RawIssuer}, s.chain[0].SerialNumber},
			Digest:  digest, Algorithm: pkix.AlgorithmIdentifier{Algorithm: rsa, Parameters: asn1.NullRawValue},
			Signature: signature,
		}},
	}})
}
