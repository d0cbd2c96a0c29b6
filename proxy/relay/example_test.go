package relay_test

import (
	"bufio"
	"fmt"
	"io"
	"net"

	"github.com/sttgate/sttgate/proxy/relay"
)

// budget lets a number of audio bytes pass and drops the rest.
type budget struct{ left int64 }

func (b *budget) Audio(n int64, _, _ bool) relay.Verdict {
	if n > b.left {
		return relay.Drop
	}
	b.left -= n
	return relay.Pass
}

func (*budget) ClientText([]byte) ([]byte, relay.Verdict, error) { return nil, relay.Pass, nil }
func (*budget) VendorText([]byte) ([]byte, relay.Verdict, error) { return nil, relay.Pass, nil }
func (*budget) ClientGone() (finish [][]byte, wait bool)         { return nil, false }

// A stream between two connections whose handshakes are done: the second message
// is more than the budget has, and is cut out.
func ExampleNew() {
	client, atClient := net.Pipe()
	vendor, atVendor := net.Pipe()
	s := relay.New(relay.Config{}, client, vendor, nil, &budget{left: 4})
	done := make(chan relay.Result, 1)
	go func() { done <- s.Run() }()

	go func() {
		_, _ = atClient.Write([]byte("\x82\x84\x00\x00\x00\x00good" + "\x82\x84\x00\x00\x00\x00over" + "\x88\x80\x00\x00\x00\x00"))
		_, _ = io.Copy(io.Discard, atClient)
	}()
	r := bufio.NewReader(atVendor)
	frame := make([]byte, 10)
	_, _ = io.ReadFull(r, frame)
	fmt.Printf("vendor got %q\n", frame[6:])
	frame = frame[:6]
	_, _ = io.ReadFull(r, frame)
	fmt.Printf("vendor got opcode %d\n", frame[0]&15)
	_, _ = atVendor.Write([]byte("\x88\x00"))

	res := <-done
	fmt.Println(res.By, "closed,", res.ClientBytes, "bytes forwarded, error:", res.Err)
	// Output:
	// vendor got "good"
	// vendor got opcode 8
	// client closed, 4 bytes forwarded, error: <nil>
}
