package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"

	"understudy/config"
	"understudy/program"
)

// maxSaid bounds what is kept of a program's words.
const maxSaid = 64 << 10

// provider runs the program that lists a desktop's sessions, which changes nothing.
func (p *patient) provider(f *config.Desktop) look {
	return func(ctx context.Context) []Finding {
		about := "provider.list " + strings.Join(f.Provider.List[:min(1, len(f.Provider.List))], "")
		if f.Provider.Kind != config.CommandProvider {
			return []Finding{skipped(checkPrograms, "provider", "its sessions are simulated")}
		}
		ctx, cancel := context.WithTimeout(ctx, f.Provider.Timeout.D())
		defer cancel()
		out := program.Kept{Most: maxSaid}
		cmd := program.New(ctx, f.Provider.List, nil)
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		if ctx.Err() != nil {
			err = fmt.Errorf("it has not ended within %s", f.Provider.Timeout)
		}
		return []Finding{judgeProvider(about, f.Provider.List[0], out.String(), err)}
	}
}

func judgeProvider(about, path, out string, err error) Finding {
	at := places{"path": path}
	if err != nil {
		return found("program_failed", about, strings.TrimSuffix(err.Error()+": "+lastLine(out), ": "), at)
	}
	sessions := 0
	for line := range strings.Lines(out) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "":
		case "active", "disconnected":
			sessions++
		default:
			return found("program_failed", about, fmt.Sprintf("a line is neither \"active USER\" nor \"disconnected USER\": %.80q", line), at)
		}
	}
	return fine(checkPrograms, about, "it lists %d sessions", sessions)
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// callback judges the address at which brokers call a desktop, as far as this host can
// know it: from outside a firewall may still be in the way.
func (p *patient) callback(f *config.Desktop) look {
	return func(ctx context.Context) []Finding {
		_, port, _ := net.SplitHostPort(f.Listen)
		address := f.Callback
		if address == "" {
			address = "https://" + p.name + ":" + port
		}
		about := "callback " + address
		if p.name == "" && f.Callback == "" {
			return []Finding{skipped(checkReach, "callback", "the machines are simulated, each with its own")}
		}
		if f.Insecure {
			return []Finding{skipped(checkReach, about, "with insecure: true brokers are on this host")}
		}
		if local(f.Listen) {
			return []Finding{found("callback_local", about, f.Listen+" is reached from this host only", places{"url": address})}
		}
		if !p.held.alive {
			return []Finding{skipped(checkReach, about, "the agent does not run; when it does, this host's own way to it is tried")}
		}
		a, err := p.healthz(ctx, target{about: about, key: "callback", url: address})
		if err != nil {
			return []Finding{skipped(checkReach, about, "our own certificate cannot be used, or is not there yet")}
		}
		if f, answered := a.reached(); !answered {
			return []Finding{f}
		}
		return []Finding{fine(checkReach, about, "it answers on this host; whether a firewall lets connectors in, only they can see")}
	}
}

func local(address string) bool {
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}
