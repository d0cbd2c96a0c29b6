package proxy

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// sockets is a connection's two ends, with buffers so small that a peer who does not
// read is noticed at once.
func sockets(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	here, there = s.(*net.TCPConn), c.(*net.TCPConn)
	_, _ = here.SetWriteBuffer(64<<10), there.SetReadBuffer(64<<10) // a hint: the test holds without
	return here, there
}

// The relay's queue is bounded. What is owed must not get lost in it, whoever reads how late.
func TestWhatIsOwedWaitsForASlowClient(t *testing.T) {
	const n = 20_000
	clientHere, clientThere := sockets(t)
	vendorHere, vendorThere := sockets(t)
	defer clientThere.Close()
	defer vendorThere.Close()
	tp := &tap{session: provider.Speechmatics{}.Open(provider.Route{})}
	tp.stream = relay.New(relay.Config{}, clientHere, vendorHere, nil, tp)
	over := make(chan struct{})
	tp.stream.Start(func(relay.Result) { close(over) })
	ready := make(chan struct{})
	go func() {
		for i := range n {
			if i == 1000 {
				close(ready) // from here on somebody reads
			}
			tp.owe(provider.Message{To: provider.ToClient, Op: provider.Text, Payload: fmt.Appendf(nil, "%100d", i)})
		}
	}()
	<-ready
	if err := clientThere.SetReadDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		frame := make([]byte, 102) // a header of two bytes
		if _, err := io.ReadFull(clientThere, frame); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if want := fmt.Sprintf("\x81\x64%100d", i); string(frame) != want {
			t.Fatalf("message %d is %q", i, frame)
		}
	}
	tp.stream.Abort()
	<-over
}
