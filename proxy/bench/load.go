//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// plan is what the load does.
type plan struct {
	target   target
	streams  int
	interval time.Duration // between the frames of one stream
	size     int           // payload bytes of a frame
	batch    int           // frames per write when flat out
	stamped  bool          // frames carry the time they were sent, and answers are timed
}

// report is what the load has done since it began.
type report struct {
	Sent    int64 `json:"sent"`    // frames
	Missed  int64 `json:"missed"`  // frames that a full socket did not take in time
	Answers int64 `json:"answers"` // messages that came back
	P50     int64 `json:"p50"`     // round trip in ns, stamped only
	P99     int64 `json:"p99"`
	Closed  int64 `json:"closed"` // streams that the proxy ended
}

// load is the clients of a run: one thread writes, one reads, both with raw system
// calls, so that the load leaves the machine to the proxy.
type load struct {
	plan    plan
	streams []*stream
	stop    atomic.Bool
	done    chan error // from the writer
	sent    atomic.Int64
	missed  atomic.Int64
	answers atomic.Int64
	closed  atomic.Int64
	rounds  recorder
}

func loadMain(args []string) error {
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	var p plan
	fs.StringVar(&p.target.addr, "addr", "", "where to connect")
	fs.IntVar(&p.streams, "streams", 1, "streams")
	fs.DurationVar(&p.interval, "interval", 20*time.Millisecond, "between frames")
	fs.IntVar(&p.size, "size", 640, "payload bytes")
	fs.IntVar(&p.batch, "batch", 16, "frames per write when flat out")
	fs.BoolVar(&p.stamped, "stamped", false, "time the answers")
	fs.StringVar(&p.target.query, "query", defaultQuery, "query of the request")
	if err := fs.Parse(args); err != nil {
		return err
	}
	// Two threads sit in raw system calls and keep their processors; the rest needs some too.
	runtime.GOMAXPROCS(4)
	l := &load{plan: p, done: make(chan error, 1)}
	return serveControl(hello{}, l.command)
}

// command is one line from bench.
func (l *load) command(cmd string) (any, error) {
	verb, arg, _ := strings.Cut(cmd, " ")
	switch verb {
	case "shake":
		n, err := strconv.Atoi(arg)
		if err != nil {
			return nil, err
		}
		return report{}, l.shake(n)
	case "connect":
		return report{}, l.connect()
	case "paced", "flat", "once":
		return report{}, l.begin(verb)
	case "report":
		return l.report(), nil
	case "stop":
		l.stop.Store(true)
		err := <-l.done
		return l.report(), err
	}
	return nil, errors.New("unknown command")
}

func (l *load) begin(how string) error {
	switch how {
	case "once":
		return l.once()
	case "paced":
		// A collection would wait for the threads that sit in raw system calls.
		debug.SetGCPercent(-1)
		go func() { l.done <- l.paced() }()
	case "flat":
		debug.SetGCPercent(-1)
		go func() { l.done <- l.flat() }()
	}
	return nil
}

func (l *load) report() report {
	p50, p99 := l.rounds.take()
	return report{
		Sent: l.sent.Load(), Missed: l.missed.Load(), Answers: l.answers.Load(), Closed: l.closed.Load(),
		P50: int64(p50), P99: int64(p99),
	}
}

// audio is one masked frame with a payload that does not compress to nothing.
func audio(size int) []byte {
	p := make([]byte, size)
	x := uint64(88172645463325252)
	for i := range p {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		p[i] = byte(x)
	}
	return appendMasked(nil, opBinary, [4]byte{0x37, 0xfa, 0x21, 0x3d}, p)
}

// putStamp writes a time into the first 16 payload bytes of a masked frame, as text.
func putStamp(frame []byte, payload int, at time.Duration) {
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], uint64(at))
	key := frame[len(frame)-payload-4:][:4]
	body := frame[len(frame)-payload:]
	const digits = "0123456789abcdef"
	for i, b := range raw {
		body[2*i] = digits[b>>4] ^ key[(2*i)&3]
		body[2*i+1] = digits[b&15] ^ key[(2*i+1)&3]
	}
}

// stampOf is the time in an answer, if it holds one.
func stampOf(answer []byte) (time.Duration, bool) {
	if len(answer) < len(echoHead)+stampBytes {
		return 0, false
	}
	n, err := strconv.ParseInt(string(answer[len(echoHead):len(echoHead)+stampBytes]), 16, 64)
	return time.Duration(n), err == nil
}

// wrong is an error about one stream.
func wrong(i int, err error) error { return fmt.Errorf("stream %d: %w", i, err) }
