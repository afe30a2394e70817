//go:build !windows

package desktop

import "errors"

func thisTerminals() (terminals, error) {
	return nil, errors.New("provider.kind: windows is for desktops with Windows; here it is command")
}
