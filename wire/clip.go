package wire

import "strings"

// MaxDetail bounds what a problem or an error says, in bytes: much of it may be a
// quotation of what came over the network.
const MaxDetail = 2048

const clipped = " …"

// Clip cuts a text that is longer than MaxDetail, and makes it valid UTF-8.
func Clip(text string) string {
	if len(text) > MaxDetail {
		text = text[:MaxDetail-len(clipped)]
		return strings.ToValidUTF8(text, "") + clipped
	}
	if valid := strings.ToValidUTF8(text, "?"); len(valid) <= MaxDetail {
		return valid
	}
	return strings.ToValidUTF8(text, "")
}

// ClipError returns err with a text of at most MaxDetail bytes; it wraps the whole.
func ClipError(err error) error {
	if err == nil || len(err.Error()) <= MaxDetail {
		return err
	}
	return &longError{text: Clip(err.Error()), whole: err}
}

type longError struct {
	text  string
	whole error
}

func (e *longError) Error() string { return e.text }

func (e *longError) Unwrap() error { return e.whole }
