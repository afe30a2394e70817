package wire

import "errors"

// MaxPKI bounds the bodies of the authority's API.
const MaxPKI = 32 << 10

// Enrolment asks the authority for the first certificate of a host.
type Enrolment struct {
	Token string `json:"token"`
	// CSR is a PKCS #10 request in PEM, for names that the token stands for.
	CSR string `json:"csr"`
}

// Validate says what is missing.
func (e *Enrolment) Validate() error {
	switch {
	case e.Token == "":
		return errors.New("token is missing")
	case e.CSR == "":
		return errors.New("csr is missing")
	}
	return nil
}

// Renewal asks for the next certificate; who asks is what the certificate says that the
// connection shows.
type Renewal struct {
	CSR string `json:"csr"`
}

// Validate says what is missing.
func (r *Renewal) Validate() error {
	if r.CSR == "" {
		return errors.New("csr is missing")
	}
	return nil
}

// IssuedCertificate is the answer to both, in PEM.
type IssuedCertificate struct {
	Certificate string `json:"certificate"`
	// CA is the authority's own certificate.
	CA string `json:"ca"`
}
