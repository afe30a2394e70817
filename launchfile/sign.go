package launchfile

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
)

// minKeyBits is what clients still take for a signature.
const minKeyBits = 2048

// Signer signs .rdp files, as rdpsign does, so that clients show who made them and find
// out what was changed. How, no standard says: the layout is that of tools whose files
// those clients take.
type Signer struct {
	chain []*x509.Certificate // the signer's own first
	key   *rsa.PrivateKey
}

// NewSigner makes a signer of a certificate with its chain and an RSA key.
func NewSigner(pair tls.Certificate) (*Signer, error) {
	key, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("the key is not an RSA key, and only those sign .rdp files")
	}
	if bits := key.N.BitLen(); bits < minKeyBits {
		return nil, fmt.Errorf("the RSA key has %d bits, fewer than %d", bits, minKeyBits)
	}
	s := &Signer{key: key}
	for _, der := range pair.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("the certificate that signs .rdp files: %w", err)
		}
		s.chain = append(s.chain, c)
	}
	if len(s.chain) == 0 {
		return nil, errors.New("there is no certificate to sign .rdp files with")
	}
	return s, nil
}

// scope are the names of what a signature covers, in this order; the rest a user may
// change.
var scope = []string{
	"Full Address", "Alternate Full Address", "PCB", "Use Redirection Server Name", "Server Port", "Negotiate Security Layer",
	"EnableCredSspSupport", "DisableConnectionSharing", "AutoReconnection Enabled", "GatewayHostname", "GatewayUsageMethod",
	"GatewayProfileUsageMethod", "GatewayCredentialsSource", "Support URL", "PromptCredentialOnce", "Require pre-authentication",
	"Pre-authentication server address", "Alternate Shell", "Shell Working Directory", "RemoteApplicationProgram",
	"RemoteApplicationExpandWorkingdir", "RemoteApplicationMode", "RemoteApplicationGuid", "RemoteApplicationName",
	"RemoteApplicationIcon", "RemoteApplicationFile", "RemoteApplicationFileExtensions", "RemoteApplicationCmdLine",
	"RemoteApplicationExpandCmdLine", "Prompt For Credentials", "Authentication Level", "AudioMode", "RedirectDrives",
	"RedirectPrinters", "RedirectCOMPorts", "RedirectSmartCards", "RedirectPOSDevices", "RedirectClipboard", "DevicesToRedirect",
	"DrivesToRedirect", "LoadBalanceInfo", "RedirectDirectX", "RDGIsKDCProxy", "KDCProxyName", "EventLogUploadAddress",
}

// signed writes the settings with their signature. The alternate address is always
// there: one that somebody adds would be gone to instead.
func (s *Signer) signed(settings []setting) ([]byte, error) {
	for _, one := range settings {
		if one.name == "full address" {
			settings = append(settings, setting{"alternate full address", "s", one.value})
			break
		}
	}
	var covered []setting
	var names []string
	for _, name := range scope {
		for _, one := range settings {
			if one.name == strings.ToLower(name) {
				covered, names = append(covered, one), append(names, name)
			}
		}
	}
	signscope := setting{"signscope", "s", strings.Join(names, ",")}
	der, err := s.cms(utf16LE(lines(append(covered, signscope)) + "\x00"))
	if err != nil {
		return nil, fmt.Errorf("sign the .rdp file: %w", err)
	}
	settings = append(settings, signscope, setting{"signature", "s", base64.StdEncoding.EncodeToString(headed(der))})
	return []byte(lines(settings)), nil
}

// headed puts before a signature what clients want there: two fixed numbers and its
// length.
func headed(der []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x00010001)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(der)))
	return append(b, der...)
}

func utf16LE(text string) []byte {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = binary.LittleEndian.AppendUint16(b, unit)
	}
	return b
}

// sign is RSASSA-PKCS1-v1_5 over SHA-256, which takes no randomness.
func (s *Signer) sign(content []byte) ([]byte, error) {
	sum := sha256.Sum256(content)
	return rsa.SignPKCS1v15(nil, s.key, crypto.SHA256, sum[:])
}
