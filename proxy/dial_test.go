package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
)

// sends counts writes.
type sends struct {
	net.Conn
	n int
}

func (s *sends) Write(p []byte) (int, error) {
	s.n++
	return s.Conn.Write(p)
}

func TestAHandshakesRequestLeavesInOneWrite(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	s := &sends{Conn: here}
	c := cancellable(t.Context(), s)
	if _, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.WriteByte('\r'), c.WriteByte('\n')); err != nil {
		t.Fatal(err)
	}
	if s.n > 0 {
		t.Fatal("a part of the request was sent")
	}
	const want = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	got := make(chan string, 1)
	go func() {
		buf := make([]byte, len(want))
		_, err := io.ReadFull(there, buf)
		if err == nil {
			_, err = io.WriteString(there, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		}
		got <- fmt.Sprint(string(buf), err)
	}()
	if _, err := c.Read(make([]byte, 100)); err != nil || s.n != 1 {
		t.Errorf("%d writes, %v", s.n, err)
	}
	if g := <-got; g != want+"<nil>" {
		t.Errorf("the vendor got %q", g)
	}
	if err := errors.Join(c.Discard(), there.Close()); err != nil {
		t.Fatal(err)
	}
}
