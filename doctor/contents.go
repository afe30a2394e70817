package doctor

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"understudy/accounts"
	"understudy/cloud/server"
	"understudy/config"
	"understudy/trust"
)

// content is what a key names, and how the process reads it at its start.
type content struct {
	path string
	read func() error
}

// contents reads what the process would read, with its own eyes.
func (p *patient) contents(of map[string]content) look {
	return func(context.Context) []Finding {
		var out []Finding
		for _, key := range slices.Sorted(maps.Keys(of)) {
			c := of[key]
			if c.path == "" {
				continue
			}
			if err := c.read(); err != nil {
				out = append(out, found("file_wrong", key+" "+c.path, err.Error(), places{"key": "`" + key + "`", "path": c.path}))
			}
		}
		return out
	}
}

func ignore(error) {}

func ofConnector(d *doctor, f *config.Connector) map[string]content {
	return map[string]content{
		"cloud.token_file":          {f.Cloud.TokenFile, func() error { _, err := config.ReadSecret(f.Cloud.TokenFile); return err }},
		"xml_service.password_file": {f.XMLService.PasswordFile, func() error { _, err := config.ReadSecret(f.XMLService.PasswordFile); return err }},
		"storefront_keys_file":      {f.StorefrontKeysFile, func() error { return frontKeys(f.StorefrontKeysFile) }},
		"admin_users_file":          {f.AdminUsersFile, func() error { _, _, err := accounts.Read(f.AdminUsersFile); return err }},
		"dns.key_file":              {f.DNS.KeyFile, func() error { _, err := f.DNS.Options(); return err }},
		"launch":                    {"the files of launch", func() error { _, err := f.Launch.Maker(); return err }},
		"credentials":               {"the files of credentials", func() error { _, err := f.Credentials.Checker(d.Env, ignore); return err }},
	}
}

func frontKeys(file string) error {
	text, err := os.ReadFile(file)
	if err == nil {
		_, err = trust.ParseKeys(text)
	}
	return err
}

// plainTokens names the tokens of which a file has more than the hash. That it cannot be
// read is found with its contents.
func plainTokens(file string) []Finding {
	tokens, _ := server.LoadTokens(file)
	var names []string
	for _, t := range tokens {
		if t.Plain {
			names = append(names, t.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []Finding{found("tokens_plain", "tokens_file "+file, "those of "+strings.Join(names, ", "), places{"path": file})}
}
