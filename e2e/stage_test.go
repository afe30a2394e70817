//go:build linux

package e2e_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// stageEnv makes the test binary play a small process, so that the helpers can be
// tested without the product.
const stageEnv = "UNDERSTUDY_E2E_STAGE"

// playStage runs one of the small processes and returns its exit code.
func playStage(role string) int {
	switch role {
	case "orderly":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("started")
		<-stop
		fmt.Println("stopped")
		return 7
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("started")
		select {}
	case "greeter":
		return greet(os.Args[len(os.Args)-1])
	case "caller":
		return callUp(os.Args[len(os.Args)-1])
	case "saver":
		return keepSaving(os.Args[1], os.Args[2])
	}
	fmt.Fprintln(os.Stderr, "no such role:", role)
	return 2
}

// greet answers each connection with a word.
func greet(address string) int {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println("started")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return 1
		}
		fmt.Fprintln(conn, "hello")
		conn.Close()
	}
}

// callUp prints the word that the greeter answers with.
func callUp(address string) int {
	conn, err := net.DialTimeout("tcp", address, callWait)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(callWait)); err != nil {
		return 1
	}
	if _, err := io.Copy(os.Stdout, conn); err != nil {
		return 1
	}
	return 0
}

// actor is the command that plays a role.
func actor(t testing.TB, name, role string, args ...string) command {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return command{Name: name, Path: self, Args: args, Env: []string{stageEnv + "=" + role}}
}

// verdict is a testing.TB that notes a failure instead of passing it on.
type verdict struct {
	testing.TB
	failed bool
}

func (v *verdict) Fatalf(string, ...any) { v.failed = true; runtime.Goexit() }
func (v *verdict) Fatal(...any)          { v.failed = true; runtime.Goexit() }
func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) Failed() bool          { return v.failed }

// fails reports whether the body fails its test.
func fails(t *testing.T, body func(testing.TB)) bool {
	t.Helper()
	v := &verdict{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		body(v)
	}()
	<-done
	return v.failed
}
