package config

import (
	"cmp"
	"encoding"
	"fmt"
	"regexp"
	"time"

	"understudy/desktop"
	"understudy/site"
)

// Desktop is the file of a desktop agent.
type Desktop struct {
	// Machine is the host's own name. Of simulated ones it is the first, the others
	// count on from it, or a pattern such as ws%03d.example.test.
	Machine string `json:"machine"`
	// Machines names simulated ones instead.
	Machines []SimulatedMachine `json:"machines"`
	Zone     string             `json:"zone"`
	// Data is the folder in which the agent remembers.
	Data string `json:"data"`
	// Connectors are client URLs in groups: one group after the other, at random
	// within each.
	Connectors [][]string `json:"connectors"`
	Listen     string     `json:"listen"`
	// Callback is the base URL under which brokers reach the agent; empty leaves it
	// to the agent.
	Callback string   `json:"callback"`
	Capacity int      `json:"capacity"`
	Provider Provider `json:"provider"`
	// Simulate is how many machines the process plays; 0 means that it is one.
	Simulate int `json:"simulate"`
	TLS      TLS `json:"tls"`
	// PKI is the authority that the certificate comes from, if it is one of understudy's.
	PKI      PKI  `json:"pki"`
	Insecure bool `json:"insecure"`
	Log      Log  `json:"log"`
}

// SimulatedMachine is one of several: its name alone, or with a capacity of its
// own instead of the file's.
type SimulatedMachine struct {
	Name     site.FQDN `json:"name"`
	Capacity int       `json:"capacity"`
}

func (m *SimulatedMachine) short() encoding.TextUnmarshaler { return &m.Name }

// Provider is what runs the sessions.
type Provider struct {
	// Kind is simulate, command or windows.
	Kind string `json:"kind"`
	// Connect lets simulated users connect so long after a launch; zero leaves it to
	// the simulation paths.
	Connect site.Duration `json:"connect"`

	// List, End, Disconnect, Prepare and Reset are programs with their arguments, of
	// kind command; Prepare and Reset also of kind windows.
	List       []string `json:"list"`
	End        []string `json:"end"`
	Disconnect []string `json:"disconnect"`
	Prepare    []string `json:"prepare"`
	Reset      []string `json:"reset"`
	// Interval is between two lists, Timeout for each program.
	Interval site.Duration `json:"interval"`
	Timeout  site.Duration `json:"timeout"`
	// Address, Port and Protocol are where users connect; no address means the machine's
	// own name.
	Address  string `json:"address"`
	Port     int    `json:"port"`
	Protocol string `json:"protocol"`
	// Ignore are users of the host whose sessions are left alone.
	Ignore []string `json:"ignore"`
}

// DefaultDesktopAddress is where a desktop agent listens; the others are the kinds of
// providers.
const (
	DefaultDesktopAddress = ":7485"
	SimulateProvider      = "simulate"
	CommandProvider       = "command"
	WindowsProvider       = "windows"
)

// maxSimulated bounds the machines of one process.
const maxSimulated = 100_000

// LoadDesktop reads the file of a desktop agent.
func LoadDesktop(file string) (*Desktop, error) {
	d := &Desktop{}
	if err := load(file, d); err != nil {
		return nil, err
	}
	return d, nil
}

// Hosts are the machines that the process is the agent of, with their capacities.
func (f *Desktop) Hosts() []SimulatedMachine {
	hosts := make([]SimulatedMachine, 0, max(f.Simulate, 1))
	for _, m := range f.Machines {
		hosts = append(hosts, SimulatedMachine{m.Name, cmp.Or(m.Capacity, f.Capacity)})
	}
	if len(hosts) > 0 {
		return hosts
	}
	for _, name := range f.names() {
		hosts = append(hosts, SimulatedMachine{name, f.Capacity})
	}
	return hosts
}

// names are those that machine stands for.
func (f *Desktop) names() []site.FQDN {
	n := max(f.Simulate, 1)
	switch {
	case !pattern.MatchString(f.Machine):
		return desktop.Names(site.Canonical(f.Machine), n)
	}
	names := make([]site.FQDN, n)
	for i := range names {
		names[i] = site.Canonical(fmt.Sprintf(f.Machine, i+1))
	}
	return names
}

// pattern is a name with one number in it.
var pattern = regexp.MustCompile(`^[^%]*%(0[1-9])?d[^%]*$`)

func (f *Desktop) setDefaults() {
	setDefault(&f.Listen, DefaultDesktopAddress)
	setDefault(&f.Capacity, 1)
	setDefault(&f.Provider.Kind, SimulateProvider)
	setDefault(&f.Provider.Interval, site.Duration(desktop.DefaultCommandInterval))
	setDefault(&f.Provider.Timeout, site.Duration(desktop.DefaultCommandTimeout))
	setDefault(&f.Provider.Port, desktop.DefaultRDPPort)
	setDefault(&f.Provider.Protocol, desktop.DefaultProtocol)
	if f.Simulate == 0 {
		f.Simulate = len(f.Machines)
	}
	f.Log.setDefaults()
}

func (f *Desktop) files() []fileName {
	return append(f.PKI.files(f.TLS.files()),
		fileName{"data", &f.Data, false},
		fileName{"log.file", &f.Log.File, false},
	)
}

func (f *Desktop) check(c *checker) {
	s := security{tls: f.TLS, insecure: f.Insecure, mutual: true}
	c.need("zone", f.Zone)
	c.need("data", f.Data)
	c.checkSecurity(s)
	c.listen("listen", f.Listen, s)
	if f.Callback != "" {
		c.service("callback", f.Callback, s)
	}
	f.checkMachines(c)
	f.checkConnectors(c, s)
	c.capacity("capacity", f.Capacity)
	f.checkProvider(c)
	f.PKI.check(c, s)
	if f.PKI.Enabled() && f.Simulate > 0 {
		c.fault("pki", "is for one real machine: leave simulate out")
	}
	f.Log.check(c)
}

func (c *checker) capacity(path string, n int) {
	if n < 1 || n > site.MaxCapacity {
		c.fault(path, "%d is not within 1 to %d", n, site.MaxCapacity)
	}
}

func (f *Desktop) checkProvider(c *checker) {
	switch p := f.Provider; p.Kind {
	case SimulateProvider:
		c.atLeast("provider.connect", p.Connect, 0)
	case CommandProvider:
		f.checkNamed(c, map[string][]string{"list": p.List, "end": p.End})
		f.checkCommands(c)
	case WindowsProvider:
		f.checkWindows(c)
		f.checkCommands(c)
	default:
		c.fault("provider.kind", "%q is not %s, %s or %s", p.Kind, SimulateProvider, CommandProvider, WindowsProvider)
	}
}

func (f *Desktop) checkCommands(c *checker) {
	p := f.Provider
	if f.Simulate > 0 {
		c.fault("provider.kind", "%s is for one real machine: leave simulate out", p.Kind)
	}
	for name, argv := range map[string][]string{"list": p.List, "end": p.End, "disconnect": p.Disconnect, "prepare": p.Prepare, "reset": p.Reset} {
		if len(argv) > 0 && argv[0] == "" {
			c.fault("provider."+name+"[0]", "names no program")
		}
	}
	c.atLeast("provider.interval", p.Interval, minCommandInterval)
	c.atLeast("provider.timeout", p.Timeout, minCommandInterval)
	if p.Port < 1 || p.Port > 65535 {
		c.fault("provider.port", "%d is not within 1 to 65535", p.Port)
	}
}

func (f *Desktop) checkNamed(c *checker, commands map[string][]string) {
	for name, argv := range commands {
		if len(argv) == 0 {
			c.fault("provider."+name, "is missing")
		}
	}
}

// checkWindows: Windows lists, ends and disconnects sessions itself.
func (f *Desktop) checkWindows(c *checker) {
	p := f.Provider
	for _, named := range []struct {
		key  string
		argv []string
	}{{"end", p.End}, {"list", p.List}, {"disconnect", p.Disconnect}} {
		if len(named.argv) > 0 {
			c.fault("provider."+named.key, "Windows does that itself: leave it out")
		}
	}
}

// minCommandInterval keeps a host from doing nothing but list its sessions.
const minCommandInterval = 100 * time.Millisecond

func (f *Desktop) checkMachines(c *checker) {
	switch {
	case f.Machine == "" && len(f.Machines) == 0:
		c.fault("machine", "is missing")
	case f.Machine != "" && len(f.Machines) > 0:
		c.fault("machines", "is there, but machine is too")
	case f.Simulate < 0 || f.Simulate > maxSimulated:
		c.fault("simulate", "%d is not within 0 to %d", f.Simulate, maxSimulated)
	case len(f.Machines) > 0 && len(f.Machines) != f.Simulate:
		c.fault("simulate", "%d, but machines names %d", f.Simulate, len(f.Machines))
	default:
		f.checkNames(c)
	}
}

func (f *Desktop) checkNames(c *checker) {
	first := map[site.FQDN]int{}
	for i, host := range f.Hosts() {
		name, path := host.Name, "machine"
		if len(f.Machines) > 0 {
			path = fmt.Sprintf("machines[%d]", i)
			c.capacity(path+".capacity", cmp.Or(f.Machines[i].Capacity, 1))
		}
		if _, err := site.ParseFQDN(string(name)); err != nil {
			c.fault(path, "%v", err)
			return
		}
		if at, seen := first[name]; seen {
			c.fault(path, "%q is number %d already", name, at)
		}
		first[name] = i
	}
}

func (f *Desktop) checkConnectors(c *checker, s security) {
	if len(f.Connectors) == 0 {
		c.fault("connectors", "is missing")
	}
	for i, group := range f.Connectors {
		if len(group) == 0 {
			c.fault(fmt.Sprintf("connectors[%d]", i), "is empty")
		}
		for j, url := range group {
			c.service(fmt.Sprintf("connectors[%d][%d]", i, j), url, s)
		}
	}
}
