//go:build linux

package main

import (
	"errors"
	"flag"
	"net"
	"net/http"
	"time"
)

// goProxy is what the Go contenders of this binary share: flags, listener and server.
type goProxy struct {
	vendor string // host:port
	secure bool   // TLS to the vendor; the CA comes by SSL_CERT_FILE
}

// ws is the vendor's URL scheme and address.
func (p goProxy) ws() string {
	if p.secure {
		return "wss://" + p.vendor
	}
	return "ws://" + p.vendor
}

func (p goProxy) http() string {
	if p.secure {
		return "https://" + p.vendor
	}
	return "http://" + p.vendor
}

// serveProxy runs one contender until bench closes stdin.
func serveProxy(args []string, serve func(goProxy, net.Listener) error) error {
	var p goProxy
	fs := flag.NewFlagSet("proxy", flag.ContinueOnError)
	fs.StringVar(&p.vendor, "vendor", "", "host:port")
	fs.BoolVar(&p.secure, "tls", false, "TLS to the vendor")
	if err := fs.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	gone := make(chan error, 1)
	go func() { gone <- serve(p, l) }()
	err = serveControl(hello{Addr: l.Addr().String()}, func(string) (any, error) {
		return nil, errors.New("unknown command")
	})
	_ = l.Close()
	return errors.Join(err, ignoreClosed(<-gone))
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// handlerServer serves h as each HTTP contender does.
func handlerServer(l net.Listener, h http.Handler) error {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	return s.Serve(l)
}
