package config

import (
	"fmt"
	"os"

	"understudy/trust"
)

// ReadSecret reads a file that holds one secret, such as a token file. Errors never quote
// what is in it.
func ReadSecret(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read a secret: %w", err)
	}
	secret, err := trust.Secret(text)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return secret, nil
}
