package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"understudy/hooks"
	"understudy/site"
)

// Hooks are commands that are run when this connector is elected or deposed: each a
// program and its arguments.
type Hooks struct {
	OnElected []string      `json:"on_elected"`
	OnDeposed []string      `json:"on_deposed"`
	Timeout   site.Duration `json:"timeout"`
}

// Bounds of the hooks.
const (
	minHookTimeout = 100 * time.Millisecond
	maxHookTimeout = 5 * time.Minute
	maxTTL         = 24 * time.Hour
)

// Commands are the hooks as the connector takes them.
func (h *Hooks) Commands() hooks.CommandOptions {
	return hooks.CommandOptions{OnElected: h.OnElected, OnDeposed: h.OnDeposed, Timeout: h.Timeout.D()}
}

func (h *Hooks) setDefaults() { setDefault(&h.Timeout, site.Duration(hooks.DefaultTimeout)) }

func (h *Hooks) programs() map[string][]string {
	return map[string][]string{"hooks.on_elected": h.OnElected, "hooks.on_deposed": h.OnDeposed}
}

func (h *Hooks) files() []fileName {
	var names []fileName
	for path, argv := range h.programs() {
		if len(argv) > 0 {
			names = append(names, fileName{path + "[0]", &argv[0], true})
		}
	}
	return names
}

func (h *Hooks) check(c *checker) {
	for path, argv := range h.programs() {
		if argv != nil && (len(argv) == 0 || argv[0] == "") {
			c.fault(path, "names no program")
		}
		if slices.ContainsFunc(argv, func(a string) bool { return strings.ContainsRune(a, 0) }) {
			c.fault(path, "has a NUL character in it")
		}
	}
	c.within("hooks.timeout", h.Timeout, minHookTimeout, maxHookTimeout)
}

func (c *checker) within(path string, d site.Duration, least, most time.Duration) {
	c.atLeast(path, d, least)
	if d.D() > most {
		c.fault(path, "%s is more than %s", d, most)
	}
}

// DNS is a name that leads to the elected connector.
type DNS struct {
	Server string    `json:"server"`
	Zone   site.FQDN `json:"zone"`
	Name   site.FQDN `json:"name"`
	// Addresses are this connector's; without any the name becomes an alias of its FQDN.
	Addresses []string      `json:"addresses"`
	TTL       site.Duration `json:"ttl"`
	// KeyFile holds the TSIG key, as tsig-keygen writes it.
	KeyFile string        `json:"key_file"`
	Refresh site.Duration `json:"refresh"`
	Timeout site.Duration `json:"timeout"`
}

// Options are the name as the connector takes it; nil without one.
func (d *DNS) Options() (*hooks.NameOptions, error) {
	if !d.used() {
		return nil, nil
	}
	text, err := os.ReadFile(d.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the key of DNS updates: %w", err)
	}
	key, err := hooks.ParseKey(string(text))
	if err != nil {
		return nil, fmt.Errorf("dns.key_file: %s: %w", d.KeyFile, err)
	}
	o := &hooks.NameOptions{
		Server: d.Server, Zone: string(d.Zone), Name: string(d.Name), TTL: d.TTL.D(), Key: key, Refresh: d.Refresh.D(), Timeout: d.Timeout.D(),
	}
	for _, a := range d.Addresses {
		ip, err := netip.ParseAddr(a)
		if err != nil {
			return nil, fmt.Errorf("dns.addresses: %w", err)
		}
		o.Addresses = append(o.Addresses, ip)
	}
	return o, nil
}

func (d *DNS) used() bool {
	return d.Server != "" || d.Zone != "" || d.Name != "" || d.KeyFile != "" || len(d.Addresses) > 0
}

func (d *DNS) setDefaults() {
	setDefault(&d.TTL, site.Duration(hooks.DefaultTTL))
	setDefault(&d.Refresh, site.Duration(hooks.DefaultRefresh))
	setDefault(&d.Timeout, site.Duration(hooks.DefaultUpdateTimeout))
}

func (d *DNS) check(c *checker) {
	if !d.used() {
		return
	}
	c.need("dns.key_file", d.KeyFile)
	if host, port, err := net.SplitHostPort(d.Server); err != nil || host == "" || !validPort(port) || port == "0" {
		c.fault("dns.server", "%q is not an address such as ns1.example.com:53", d.Server)
	}
	d.checkName(c)
	for i, a := range d.Addresses {
		if ip, err := netip.ParseAddr(a); err != nil || ip.Zone() != "" || ip.IsUnspecified() {
			c.fault(fmt.Sprintf("dns.addresses[%d]", i), "%q is not an IP address", a)
		}
	}
	c.within("dns.ttl", d.TTL, time.Second, maxTTL)
	if d.TTL.D()%time.Second != 0 {
		c.fault("dns.ttl", "%s is not a number of whole seconds", d.TTL)
	}
	c.atLeast("dns.refresh", d.Refresh, time.Second)
	c.within("dns.timeout", d.Timeout, minHookTimeout, time.Minute)
}

func (d *DNS) checkName(c *checker) {
	c.need("dns.zone", string(d.Zone))
	c.need("dns.name", string(d.Name))
	if d.Name != d.Zone && !strings.HasSuffix(string(d.Name), "."+string(d.Zone)) {
		c.fault("dns.name", "%q is not in the zone %q", d.Name, d.Zone)
	} else if d.Name == d.Zone && len(d.Addresses) == 0 {
		c.fault("dns.addresses", "is missing: a zone itself cannot be an alias")
	}
}
