//go:build linux

package main

import (
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync/atomic"
)

// replyEvery is how many audio frames get one result: 25 frames of 20 ms are the
// half second at which a vendor sends interim results.
const replyEvery = 25

// counts is what the vendor has seen.
type counts struct {
	Frames  int64 `json:"frames"` // binary frames that arrived whole
	Bytes   int64 `json:"bytes"`  // of their payload
	Streams int64 `json:"streams"`
}

// vendor is a stand-in for a speech vendor: it counts audio and answers.
type vendor struct {
	echo    bool // answer every frame, with the time stamp it came with
	reply   []byte
	frames  atomic.Int64
	bytes   atomic.Int64
	streams atomic.Int64
}

func vendorMain(args []string) error {
	fs := flag.NewFlagSet("vendor", flag.ContinueOnError)
	cert := fs.String("cert", "", "certificate; TLS when set")
	key := fs.String("key", "", "its key")
	echo := fs.Bool("echo", false, "answer every frame")
	if err := fs.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return err
		}
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
	}
	v := &vendor{echo: *echo, reply: appendFrame(nil, opText, result(1024))}
	gone := make(chan error, 1)
	go func() { gone <- v.accept(l) }()
	err = serveControl(hello{Addr: addr}, func(cmd string) (any, error) {
		if cmd != "count" {
			return nil, errors.New("unknown command")
		}
		return counts{Frames: v.frames.Load(), Bytes: v.bytes.Load(), Streams: v.streams.Load()}, nil
	})
	return errors.Join(err, l.Close(), ignoreClosed(<-gone))
}

func (v *vendor) accept(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			v.streams.Add(1)
			defer v.streams.Add(-1)
			defer func() { _ = c.Close() }()
			_ = v.serve(c) // a stream that breaks shows in the counts
		}()
	}
}

// result is an interim result of exactly n bytes in the shape of Deepgram's.
func result(n int) []byte {
	const head = `{"type":"Results","channel_index":[0,1],"duration":0.5,"start":1.5,"is_final":false,"speech_final":false,` +
		`"channel":{"alternatives":[{"transcript":"`
	const tail = `","confidence":0.98,"words":[]}]},"metadata":{"request_id":"00000000-0000-0000-0000-000000000000"},"from_finalize":false}`
	b := append(make([]byte, 0, n), head...)
	const words = "and so my fellow americans "
	for len(b)+len(tail) < n {
		b = append(b, words[(len(b)-len(head))%len(words)])
	}
	return append(b, tail...)
}
