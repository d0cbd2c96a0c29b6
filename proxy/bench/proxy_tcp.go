//go:build linux

package main

import (
	"io"
	"net"
)

// tcpMain copies bytes and knows no HTTP. With plain sockets io.Copy splices in the kernel.
func tcpMain(args []string) error {
	return serveProxy(args, func(p goProxy, l net.Listener) error {
		for {
			client, err := l.Accept()
			if err != nil {
				return err
			}
			go func() {
				defer func() { _ = client.Close() }()
				vendor, err := net.Dial("tcp", p.vendor)
				if err != nil {
					return
				}
				defer func() { _ = vendor.Close() }()
				up := make(chan struct{})
				go func() {
					defer close(up)
					copyHalf(vendor, client)
				}()
				copyHalf(client, vendor)
				<-up
			}()
		}
	})
}

// copyHalf copies one direction and passes its end on.
func copyHalf(dst, src net.Conn) {
	_, _ = io.Copy(dst, src)
	if t, ok := dst.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}
