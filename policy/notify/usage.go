package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sttgate/sttgate/policy"
)

const (
	// mostQueued bounds what is in memory alone, and with it what a kill -9 can take along.
	mostQueued = 4096
	// togetherMost is how many are written to the outbox at once.
	togetherMost = 256
	// endPatience is how long the end of a stream waits for room in a full queue: ten thousand streams may end in one
	// moment, and no client waits for it.
	endPatience = time.Second
	// writeAgain is the pause after a disk that did not take them.
	writeAgain = time.Second
)

// UsageOptions are a Usage's.
type UsageOptions struct {
	Instance string   // this gateway's name
	Sinks    []string // the names of those that are told
	Append   func(...Message) error
	Count    func(sink, result string, n int) // as Options.Count
	Log      *slog.Logger
}

// Usage tells what is used and refused. Nobody who calls it waits for the disk: a queue is in between, and what finds no room there is
// told later, or dropped and counted. It is safe for concurrent use.
//
//	Used ────────────────► queue (4096) ──┐
//	Refused ──► refusals (1 a minute) ────┴─► Append, some together ──► outbox ──► file, http
type Usage struct {
	UsageOptions
	from     instance
	queue    chan tale
	refusals *refusals
	full     atomic.Bool // it drops, and has said so

	stop chan struct{}
	work sync.WaitGroup
}

// NewUsage begins to tell.
func NewUsage(o UsageOptions) *Usage {
	u := &Usage{
		UsageOptions: o, from: instance(url.PathEscape(o.Instance)), queue: make(chan tale, mostQueued),
		refusals: newRefusals(), stop: make(chan struct{}),
	}
	u.work.Go(u.loop)
	return u
}

// Close writes what is in memory, in one try, and ends. Nothing may be told any more.
func (u *Usage) Close() {
	close(u.stop)
	u.work.Wait()
}

// Used tells of a part or an end. A part never waits: while the queue is full it is not taken, and its amounts are the next one's. An end
// waits for a second at most; then it is dropped.
func (u *Usage) Used(e Used) (taken bool) {
	select {
	case u.queue <- e:
		return true
	default:
	}
	if !e.Final {
		return false
	}
	t := time.NewTimer(endPatience)
	defer t.Stop()
	select {
	case u.queue <- e:
		return true
	case <-t.C:
		u.dropped(1)
		return false
	}
}

// Refused tells of a refusal. It never waits.
func (u *Usage) Refused(r Refused) {
	now, ok := u.refusals.add(r)
	switch {
	case !ok:
		u.dropped(1)
	case now != nil:
		select {
		case u.queue <- *now:
		default:
			u.dropped(1)
		}
	}
}

// Step is the messages of a step, for whoever appends them with others. A review that moves nobody is none.
func (u *Usage) Step(e policy.Event) ([]Message, error) {
	if !e.Moved() {
		return nil, nil
	}
	return u.messages(step{e})
}

func (u *Usage) loop() {
	look := time.NewTicker(refusalWindow / 6)
	defer look.Stop()
	for {
		select {
		case e := <-u.queue:
			u.write(u.together(e))
		case <-look.C:
			u.write(u.refusals.due(time.Now()))
		case <-u.stop:
			u.rest()
			return
		}
	}
}

// together takes what waits behind the first.
func (u *Usage) together(first tale) []tale {
	all := []tale{first}
	for len(all) < togetherMost {
		select {
		case e := <-u.queue:
			all = append(all, e)
		default:
			return all
		}
	}
	return all
}

// rest writes what is left.
func (u *Usage) rest() {
	u.write(u.refusals.all())
	for {
		select {
		case e := <-u.queue:
			u.write(u.together(e))
		default:
			return
		}
	}
}

// write appends them, again and again while the disk does not take them; meanwhile the queue fills up, and drops. When the
// gateway ends there is one try.
func (u *Usage) write(all []tale) {
	var ms []Message
	for _, e := range all {
		m, err := u.messages(e)
		if err != nil {
			u.Log.Error("usage event cannot be written", slog.Any("error", err))
			u.dropped(1)
			continue
		}
		ms = append(ms, m...)
	}
	if len(ms) == 0 {
		return
	}
	for failed := false; ; failed = true {
		err := u.Append(ms...)
		if err == nil {
			u.full.Store(false)
			return
		}
		if !failed {
			u.Log.Error("usage events cannot be kept; they wait", slog.Any("error", err))
		}
		if !u.pause() {
			u.dropped(len(ms) / len(u.Sinks))
			return
		}
	}
}

// pause is false when the gateway ends.
func (u *Usage) pause() bool {
	t := time.NewTimer(writeAgain)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-u.stop:
		return false
	}
}

// messages is one for each sink, all with the same body.
func (u *Usage) messages(e tale) ([]Message, error) {
	ev, err := e.event(u.from)
	if err != nil {
		return nil, fmt.Errorf("event: %w", err)
	}
	body, err := json.Marshal(ev)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", ev.ID(), err)
	}
	var out []Message
	for _, to := range u.Sinks {
		out = append(out, Message{To: to, ID: ev.ID(), At: ev.Time(), Body: body})
	}
	return out, nil
}

// dropped counts events that no sink will see, and says so once, until there is room again.
func (u *Usage) dropped(n int) {
	for _, to := range u.Sinks {
		u.Count(to, ResultDropped, n)
	}
	if !u.full.Swap(true) {
		u.Log.LogAttrs(context.Background(), slog.LevelError, "usage events are dropped: too many wait for the disk")
	}
}
