package launchfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"

	"understudy/site"
)

const (
	blockSize     = aes.BlockSize
	signatureSize = sha256.Size
)

// Key is the 128 bits that Guacamole has as json-secret-key: for the signature and for
// the encryption, as its scheme wants it.
type Key [16]byte

// ParseKey reads 32 hexadecimal digits. Its error does not quote them.
func ParseKey(text string) (*Key, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(Key{}) {
		return nil, errors.New("the key of Guacamole is 32 hexadecimal digits")
	}
	return new(Key(b)), nil
}

// person is what the token says of the user.
type person struct {
	Username string `json:"username"`
	// Expires is in milliseconds since 1970, on the wall clock of who made it.
	Expires     int64                 `json:"expires"`
	SingleUse   bool                  `json:"singleUse"`
	Connections map[string]connection `json:"connections"`
}

type connection struct {
	Protocol   string            `json:"protocol"`
	Parameters map[string]string `json:"parameters"`
}

// token is the base64 of the encrypted signature and JSON. It is good for one log-in.
func (k *Key) token(l Launch) ([]byte, error) {
	text, err := json.Marshal(person{
		Username: l.User, Expires: l.Expires.UnixMilli(), SingleUse: true,
		Connections: map[string]connection{l.Name: {Protocol: l.Protocol, Parameters: parameters(l)}},
	})
	if err != nil {
		return nil, err
	}
	sealed, err := k.seal(text)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.AppendEncode(nil, sealed), nil
}

func parameters(l Launch) map[string]string {
	p := map[string]string{"hostname": l.Host, "port": strconv.Itoa(l.Port), "username": l.User}
	if l.Command != "" && l.Protocol == "rdp" {
		p["initial-program"] = l.Command
	}
	for _, line := range l.Group.Guacamole {
		if name, value, ok := site.SplitGuacamole(line); ok {
			p[name] = value
		}
	}
	return p
}

// seal signs the text and encrypts both, in CBC mode with an IV of zeros: each text
// begins with a signature that nobody can foresee.
func (k *Key) seal(text []byte) ([]byte, error) {
	mac := hmac.New(sha256.New, k[:])
	mac.Write(text)
	plain := append(mac.Sum(nil), text...)
	pad := blockSize - len(plain)%blockSize
	for range pad {
		plain = append(plain, byte(pad))
	}
	block, err := aes.NewCipher(k[:])
	if err != nil {
		return nil, err
	}
	cipher.NewCBCEncrypter(block, make([]byte, blockSize)).CryptBlocks(plain, plain)
	return plain, nil
}
