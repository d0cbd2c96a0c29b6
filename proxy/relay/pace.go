package relay

import "time"

// How many pings a peer may send: far more than any client or vendor does (one in some seconds),
// also when a network that stood still hands all of them over at once. Beyond that they cost this
// machine, and the other peer, work that nobody pays for.
const (
	pingBurst = 256
	pingEvery = time.Second / 32
)

// pace is a leaky bucket with one word of state. The zero value is empty.
type pace struct {
	full time.Time // when the bucket will have run out; in the past: it is empty
}

// admit says whether one more fits, in a bucket of burst that loses one in each interval.
func (p *pace) admit(now time.Time, interval time.Duration, burst int) bool {
	full := p.full
	if full.Before(now) {
		full = now
	}
	if full.Sub(now) > time.Duration(burst-1)*interval {
		return false
	}
	p.full = full.Add(interval)
	return true
}

// controls counts a peer's pings and pongs, apart: a pong is mostly the answer to somebody else's
// ping. There may be twice as many of them, so that nobody is blamed for what the other peer,
// or the gateway, has asked.
type controls struct{ pings, pongs pace }

func (c *controls) admit(op Op, now time.Time) error {
	ok := op == Ping && c.pings.admit(now, pingEvery, pingBurst) ||
		op == Pong && c.pongs.admit(now, pingEvery/2, 2*pingBurst)
	if ok {
		return nil
	}
	return &fault{ErrProtocol, codePolicy, "too many pings or pongs"}
}
