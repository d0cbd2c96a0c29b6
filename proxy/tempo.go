package proxy

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/policy"
)

const (
	// paceBurst is how much audio may be ahead of the pace: a network that stood still hands over some seconds at once,
	// and nobody who speaks live is to be slowed for that.
	paceBurst = 10 * time.Second
	// paceLook is how often whoever waits looks whether the pace is another one by now.
	paceLook = time.Second
)

// tempo holds a stream's audio to its user's pace: a token bucket of audio time. Every lease says what holds from then on
// (follow, from any goroutine); the rest belongs to whoever reads the client. What has passed is counted, and the next message
// waits for it: so nothing needs to be known of a message before it is read, and one that is larger than the burst passes, too.
type tempo struct {
	times atomic.Uint64 // policy.Actions.Pace, as bits; 0: none
	lanes []tempoLane   // of channels that come apart: each plays beside the others
}

type tempoLane struct {
	channel string
	due     time.Time // when all that has passed would have been played at the pace
}

func (t *tempo) follow(e policy.Effects) { t.times.Store(math.Float64bits(e.Pace)) }

// free says that no pace holds.
func (t *tempo) free() bool { return t.times.Load() == 0 }

// wait is for how long the next audio of a channel has to be held back.
func (t *tempo) wait(channel string, now time.Time) time.Duration {
	if t.free() {
		return 0
	}
	return max(t.lane(channel).due.Sub(now), 0) - t.lasts(paceBurst) // of a lane that is new the difference is the least there is
}

// passed counts audio.
func (t *tempo) passed(channel string, audio time.Duration, now time.Time) {
	if t.free() {
		return
	}
	l := t.lane(channel)
	if l.due.Before(now) {
		l.due = now
	}
	l.due = l.due.Add(t.lasts(audio))
}

// lasts is how long audio takes at the pace; no time where there is none any more.
func (t *tempo) lasts(audio time.Duration) time.Duration {
	times := math.Float64frombits(t.times.Load())
	if times == 0 {
		return 0
	}
	return time.Duration(float64(audio) / times)
}

// lane finds a channel's. There are few.
func (t *tempo) lane(channel string) *tempoLane {
	for i := range t.lanes {
		if t.lanes[i].channel == channel {
			return &t.lanes[i]
		}
	}
	t.lanes = append(t.lanes, tempoLane{channel: channel})
	return &t.lanes[len(t.lanes)-1]
}
