//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// defaultQuery declares 16 kHz linear16: 640 bytes are 20 ms.
const defaultQuery = "encoding=linear16&sample_rate=16000&channels=1"

// Source addresses are spread so that 10 000 streams do not use up one address's ports.
const sources = 4

// target is where streams go.
type target struct {
	addr  string
	query string
}

// stream is one client connection after its handshake.
type stream struct {
	fd   int
	rest []byte // of a frame that the socket took in part; the writer's
	out  []byte // the stream's own frame, when stamped
	scan scanner
}

// dial connects stream number i and shakes hands. The connection holds nothing unread: a
// stand-in vendor is silent until it has heard audio.
func dial(ctx context.Context, t target, i int) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%sources))}}
	c, err := d.DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	if err := shakeHands(c, t, i); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func shakeHands(c net.Conn, t target, i int) error {
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c, "GET /v1/listen?%s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Authorization: Token bench\r\nX-Sttgate-User: bench-%d\r\n\r\n", t.query, t.addr, i)
	if err != nil {
		return err
	}
	buf := make([]byte, 4096)
	n := 0
	for {
		m, err := c.Read(buf[n:])
		n += m
		if end := bytes.Index(buf[:n], []byte("\r\n\r\n")); end >= 0 {
			if !bytes.HasPrefix(buf, []byte("HTTP/1.1 101 ")) {
				return fmt.Errorf("refused: %q", buf[:n])
			}
			if end+4 != n {
				return errors.New("bytes behind the handshake")
			}
			return c.SetDeadline(time.Time{})
		}
		if err != nil {
			return fmt.Errorf("handshake: %w after %q", err, buf[:n])
		}
	}
}

// connect opens all streams, a few at a time, as a crowd would.
func (l *load) connect() error {
	l.streams = make([]*stream, l.plan.streams)
	return inParallel(l.plan.streams, 24, func(i int) error {
		c, err := dial(context.Background(), l.plan.target, i)
		if err != nil {
			return wrong(i, err)
		}
		fd, err := takeSocket(c)
		if err != nil {
			return wrong(i, err)
		}
		s := &stream{fd: fd}
		if l.plan.stamped {
			s.out = audio(l.plan.size)
		}
		l.streams[i] = s
		return nil
	})
}

// takeSocket returns a descriptor that the Go poller does not watch: it would be woken for
// each answer to no purpose.
func takeSocket(c net.Conn) (int, error) {
	defer func() { _ = c.Close() }()
	t, ok := c.(*net.TCPConn)
	if !ok {
		return -1, fmt.Errorf("not a TCP connection: %T", c)
	}
	rc, err := t.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, derr := -1, error(nil)
	if err := rc.Control(func(p uintptr) { fd, derr = unix.FcntlInt(p, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	return fd, derr
}

// shake opens streams and closes them at once, eight at a time.
func (l *load) shake(n int) error {
	return inParallel(n, 8, func(i int) error {
		c, err := dial(context.Background(), l.plan.target, i)
		if err != nil {
			return wrong(i, err)
		}
		defer func() { _ = c.Close() }()
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			return wrong(i, err)
		}
		if _, err := c.Write(appendMasked(nil, opClose, [4]byte{1, 2, 3, 4}, []byte{0x03, 0xe8})); err != nil {
			return wrong(i, err)
		}
		return awaitClose(c, i)
	})
}

// awaitClose reads to the peer's Close. What comes behind it is the peer's business.
func awaitClose(c net.Conn, i int) error {
	var s scanner
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		ferr := s.feed(buf[:n], func(f frame) error {
			if f.op == opClose {
				return errDone
			}
			return nil
		})
		switch {
		case errors.Is(ferr, errDone):
			return nil
		case ferr != nil:
			return wrong(i, ferr)
		case errors.Is(err, syscall.ECONNRESET):
			return nil
		case err != nil:
			return wrong(i, fmt.Errorf("no Close came back: %w", err))
		}
	}
}

// inParallel calls f for 0 to n-1 from a few goroutines and returns the first error.
func inParallel(n, workers int, f func(i int) error) error {
	var wg sync.WaitGroup
	errs := make(chan error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}
