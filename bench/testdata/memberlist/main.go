// Command memberlist is one member of a hashicorp/memberlist cluster, for the row of
// takeovers: it writes who left as soon as it is told.
//
//	memberlist lan|tuned NAME IP [IP OF ANOTHER]
package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/hashicorp/memberlist"
)

type told struct{}

func (told) NotifyJoin(n *memberlist.Node)  { fmt.Println("join", n.Name) }
func (told) NotifyLeave(n *memberlist.Node) { fmt.Println("leave", n.Name) }
func (told) NotifyUpdate(*memberlist.Node)  {}

func main() {
	c := memberlist.DefaultLANConfig()
	if os.Args[1] == "tuned" {
		c = memberlist.DefaultLocalConfig()
		c.ProbeInterval, c.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
		c.SuspicionMult, c.GossipInterval = 2, 20*time.Millisecond
	}
	c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = os.Args[2], os.Args[3], 7946, 7946
	c.Events, c.LogOutput = told{}, io.Discard
	m, err := memberlist.Create(c)
	if err == nil && len(os.Args) > 4 {
		_, err = m.Join(os.Args[4:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}
