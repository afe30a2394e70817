package config

import (
	"fmt"
	"os"
	"strings"
)

// ReadSecret reads a file that holds one secret, such as a token file.
func ReadSecret(file string) (string, error) {
	secrets, err := ReadSecrets(file)
	if err != nil {
		return "", err
	}
	if len(secrets) != 1 {
		return "", fmt.Errorf("%s holds %d secrets, want one", file, len(secrets))
	}
	return secrets[0], nil
}

// ReadSecrets reads a file with one secret a line; empty lines and those that
// begin with # do not count. Errors never quote what is in it.
func ReadSecrets(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	var secrets []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			secrets = append(secrets, line)
		}
	}
	if len(secrets) == 0 {
		return nil, fmt.Errorf("read secrets: %s holds none", file)
	}
	return secrets, nil
}
