package provider

import (
	"slices"
	"strconv"
	"time"
)

// lane numbers the audio of one channel. The vendor acks each audio message with the
// number of it, and a client counts these acks: one gets stuck for want of one, and
// fails at one too many. So what was dropped is acked here, in the client's order: not before
// the vendor has acked what had been forwarded ahead of it.
//
//	client   1  2  3  4  5  6          runs: 2 forwarded, 3 dropped, 1 forwarded
//	vendor   1  2           3
//	acks     1  2 (3  4  5) 6          in brackets: ours; the last one renumbered
//
// The caller's lock guards it.
type lane struct {
	name []byte // of the channel, as JSON; nil where there is one without a name

	up    int64 // messages that were forwarded
	acked int64 // of these by the vendor
	told  int64 // of the client's messages that it has the ack of
	lost  int64 // messages that were dropped
	runs  []run // what came behind those, in order
	cut   bool  // the message at hand is dropped from its beginning

	closed   bool // the client has sent its EndOfChannel
	reported time.Duration
	speech   spans
}

// run is a number of messages of one fate.
type run struct {
	n       int64
	dropped bool
}

func (l *lane) push(dropped bool) {
	if dropped {
		l.lost++
	} else {
		l.up++
	}
	if n := len(l.runs); n > 0 && l.runs[n-1].dropped == dropped {
		l.runs[n-1].n++
		return
	}
	l.runs = append(l.runs, run{1, dropped})
}

// ack takes the vendor's number j and returns the client's, and in front of it the
// acks that are owed before it: with a vendor that skips none there are none.
func (l *lane) ack(owed []Message, j int64) ([]Message, int64) {
	left := j - l.acked
	l.acked = max(l.acked, j)
	if left <= 0 { // said before
		return owed, j
	}
	for left > 0 && len(l.runs) > 0 {
		if l.runs[0].dropped {
			owed = l.release(owed)
			continue
		}
		n := min(left, l.runs[0].n)
		left -= n
		l.pop(n)
	}
	return owed, l.told + left // more than it was sent: its business
}

// release adds the acks of dropped messages that nothing forwarded stands in front of.
func (l *lane) release(owed []Message) []Message {
	for len(l.runs) > 0 && l.runs[0].dropped {
		n := l.runs[0].n
		for i := l.told + 1; i <= l.told+n; i++ {
			owed = append(owed, l.message(i))
		}
		l.pop(n)
	}
	return owed
}

// drain is release at the end of the stream: what the vendor has not acked by then it
// will not ack any more.
func (l *lane) drain(owed []Message) []Message {
	for len(l.runs) > 0 {
		if l.runs[0].dropped {
			owed = l.release(owed)
			continue
		}
		l.pop(l.runs[0].n)
	}
	return owed
}

// pop deals with n messages of the first run.
func (l *lane) pop(n int64) {
	l.told += n
	if l.runs[0].n -= n; l.runs[0].n == 0 {
		l.runs = slices.Delete(l.runs, 0, 1)
	}
}

// message is an ack of ours in the vendor's words.
func (l *lane) message(n int64) Message {
	b := make([]byte, 0, 64+len(l.name))
	if l.name == nil {
		b = append(b, `{"message":"AudioAdded","seq_no":`...)
	} else {
		b = append(b, `{"message":"ChannelAudioAdded","channel":`...)
		b = append(b, l.name...)
		b = append(b, `,"seq_no":`...)
	}
	b = strconv.AppendInt(b, n, 10)
	return Message{To: ToClient, Op: Text, Payload: append(b, '}')}
}
