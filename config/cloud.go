package config

import "slices"

// Cloud is the file of the reference cloud broker.
type Cloud struct {
	Site string `json:"site"`
	// Data is the folder of the store.
	Data   string `json:"data"`
	Listen string `json:"listen"`
	TLS    TLS    `json:"tls"`
	// Insecure does without TLS, on loopback addresses only.
	Insecure bool `json:"insecure"`
	// TokensFile holds the tokens that it accepts.
	TokensFile string `json:"tokens_file"`
	// AdminUsersFile holds the accounts of administrators.
	AdminUsersFile string `json:"admin_users_file"`
	// RegistrationRate is how many registrations it takes a second.
	RegistrationRate int    `json:"registration_rate"`
	Launch           Launch `json:"launch"`
	// Credentials and XML are of the XML Service in Normal.
	Credentials Credentials `json:"credentials"`
	XML         XML         `json:"xml"`
	Limits      Limits      `json:"limits"`
	Log         Log         `json:"log"`
}

// Defaults of a cloud broker's file.
const (
	DefaultCloudAddress     = ":7443"
	DefaultRegistrationRate = 2000
)

// mostRegistrations a second are more than any store takes.
const mostRegistrations = 1_000_000

// LoadCloud reads the file of a cloud broker.
func LoadCloud(file string) (*Cloud, error) {
	c := &Cloud{}
	if err := load(file, c); err != nil {
		return nil, err
	}
	return c, nil
}

func (f *Cloud) setDefaults() {
	setDefault(&f.Listen, DefaultCloudAddress)
	setDefault(&f.RegistrationRate, DefaultRegistrationRate)
	f.Credentials.setDefaults()
	f.XML.setDefaults()
	f.Limits.setDefaults()
	f.Log.setDefaults()
}

func (f *Cloud) files() []fileName {
	return append(slices.Concat(f.TLS.files(), f.Launch.files(), f.Credentials.files()),
		fileName{"data", &f.Data, false},
		fileName{"tokens_file", &f.TokensFile, true},
		fileName{"admin_users_file", &f.AdminUsersFile, true},
		fileName{"log.file", &f.Log.File, false},
	)
}

func (f *Cloud) check(c *checker) {
	s := security{tls: f.TLS, insecure: f.Insecure}
	c.need("site", f.Site)
	c.need("data", f.Data)
	c.checkSecurity(s)
	c.listen("listen", f.Listen, s)
	c.need("tokens_file", f.TokensFile)
	if f.RegistrationRate < 1 || f.RegistrationRate > mostRegistrations {
		c.fault("registration_rate", "%d is not within 1 to %d", f.RegistrationRate, mostRegistrations)
	}
	f.Launch.check(c)
	f.Credentials.check(c)
	f.XML.check(c)
	f.Limits.check(c)
	f.Log.check(c)
}
