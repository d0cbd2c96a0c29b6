package fake

import "time"

// timing turns bytes of headerless audio into time. Its zero value knows nothing: of
// containers and compressed audio the bytes alone do not tell.
type timing struct {
	bps   int64 // bytes per second
	align int64 // bytes of one sample of every channel
}

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
