package fake

import "time"

// timing turns amounts of audio into time. An amount is bytes of headerless audio; of audio that is read
// (containers, packets) it is milliseconds. Its zero value knows nothing.
type timing struct {
	bps   int64  // of the amount per second
	align int64  // of one sample of every channel
	read  string // the encoding that a clock must read; "" where bytes are enough
}

// Clock reads audio that says itself how long it is, from its first byte, and each packet whole.
type Clock interface {
	Write(p []byte) error
	Elapsed() time.Duration
}

// container is the encoding of audio that says itself what it is.
const container = "auto"

// reads is the timing of audio that says itself how long it is.
func reads(e string) timing { return timing{bps: 1000, align: 1, read: e} }

// seconds is how long n bytes last.
func (t timing) seconds(n int64) float64 {
	if t.bps == 0 {
		return 0
	}
	return float64(n/t.align) / float64(t.bps/t.align)
}

// ms is how long n bytes last in whole milliseconds, rounded down.
func (t timing) ms(n int64) int64 {
	if t.bps == 0 {
		return 0
	}
	return n/t.bps*1000 + n%t.bps*1000/t.bps
}

// bytes is how many bytes last d, down to whole samples.
func (t timing) bytes(d time.Duration) int64 {
	if t.bps == 0 {
		return 0
	}
	n := t.bps * d.Milliseconds() / 1000
	return n - n%t.align
}
