//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"
)

// upstream is the vendor that a proxy is to reach.
type upstream struct {
	addr   string
	secure bool
	ca     string // file
}

func (u upstream) scheme() string {
	if u.secure {
		return "https"
	}
	return "http"
}

// proxy is a contender that runs.
type proxy struct {
	addr string
	pids []int // its process and the workers below it
	stop func()
}

// contender is one way to put something between client and vendor.
type contender struct {
	name  string
	note  string // what it is, for the table's legend
	start func(l *lab, dir string, up upstream) (proxy, error)

	plain      bool // it cannot speak TLS to the vendor
	framesOnly bool // it differs from another one in the cost of frames only
}

// The contenders' names, which goals refer to.
const (
	ours        = "sttgate serve"
	relayed     = "sttgate relay, no metering"
	nginx       = "nginx"
	nginxAuto   = "nginx, a worker per core"
	reverse     = "httputil.ReverseProxy"
	gorilla     = "gorilla message relay"
	tcpCopy     = "TCP copy"
	noProxy     = "direct"
	gatewayName = "sttgate"
)

// contenders are in the order of their turns.
func contenders() []contender {
	return []contender{
		{name: ours, note: "the gateway: identity, admission, metering, embedded ledger, metrics and logs on", start: startGateway},
		{name: relayed, note: "the same data path with a tap that passes everything", start: goContender("role-relay")},
		{name: nginx, note: "one worker process, 16 KiB proxy buffers, access log off", start: startNginx("1")},
		{name: nginxAuto, note: "the same with worker_processes auto, as Debian ships it: all proxies may use all cores", start: startNginx("auto"), framesOnly: true},
		{name: reverse, note: "of Go's standard library", start: goContender("role-reverse")},
		{name: gorilla, note: "gorilla/websocket, ReadMessage and WriteMessage", start: goContender("role-gorilla")},
		{name: tcpCopy, note: "Go, io.Copy both ways (spliced in the kernel); knows no HTTP and no TLS", plain: true, start: goContender("role-tcp")},
	}
}

// short is a contender's name on the command line.
func (c contender) short() string {
	return map[string]string{ours: gatewayName, relayed: "relay", nginx: "nginx", nginxAuto: "nginx-auto", reverse: "reverse", gorilla: "gorilla", tcpCopy: "tcp"}[c.name]
}

func contenderNames() []string {
	var names []string
	for _, c := range contenders() {
		names = append(names, c.short())
	}
	return names
}

// chosen are the contenders of a run.
func chosen(list string) ([]contender, error) {
	if list == "" {
		return contenders(), nil
	}
	var out []contender
	for word := range strings.SplitSeq(list, ",") {
		found := false
		for _, c := range contenders() {
			if c.short() == word {
				out, found = append(out, c), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no contender %q: use %s", word, strings.Join(contenderNames(), ", "))
		}
	}
	return out, nil
}

// goContender is a role of this binary.
func goContender(role string) func(*lab, string, upstream) (proxy, error) {
	return func(_ *lab, dir string, up upstream) (proxy, error) {
		args := []string{"-vendor", up.addr}
		if up.secure {
			args = append(args, "-tls")
		}
		c, addr, err := startRole(dir, role, []string{"SSL_CERT_FILE=" + up.ca}, args...)
		if err != nil {
			return proxy{}, err
		}
		return proxy{addr: addr, pids: []int{c.cmd.Process.Pid}, stop: c.close}, nil
	}
}

// startProgram starts somebody else's program, which says nothing on stdout, and waits until it listens.
func startProgram(dir, name, addr string, sig syscall.Signal, env []string, argv ...string) (proxy, error) {
	c, err := start(dir, name, sig, env, argv...)
	if err != nil {
		return proxy{}, err
	}
	if err := listens(c, addr); err != nil {
		c.close()
		return proxy{}, err
	}
	pids, err := tree(c.cmd.Process.Pid)
	if err != nil {
		c.close()
		return proxy{}, err
	}
	return proxy{addr: addr, pids: pids, stop: c.close}, nil
}

// listens waits until something accepts at addr.
func listens(c *child, addr string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-c.gone:
			return c.failed(fmt.Errorf("ended before it listened at %s", addr))
		case <-ctx.Done():
			return c.failed(fmt.Errorf("does not listen at %s: %w", addr, err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freeAddr is a loopback address that nobody listens at now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
