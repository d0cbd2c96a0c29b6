package notify

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// The pauses after attempts that failed.
const (
	firstBackoff = time.Second
	lastBackoff  = 5 * time.Minute
	// longestWish is what a sink may ask for (Retry-After): a typing error there must not silence it for good.
	longestWish = time.Hour
	// lastPatience bounds what is written to a prompt sink when the gateway ends.
	lastPatience = 5 * time.Second
)

// queue is a sink with what waits for it.
type queue struct {
	sink  Sink
	shelf shelf
	wake  chan struct{} // something was appended
	retry chan struct{} // the sink is another: what waits is tried now
	full  atomic.Bool   // the outbox drops messages, and has said so
}

func (q *queue) nudge() { knock(q.wake) }

func knock(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Retry ends the pause in which a sink is left alone after attempts that failed: it has got another address.
func (o *Outbox) Retry(sink string) {
	if q := o.queues[sink]; q != nil {
		knock(q.retry)
	}
}

// overflow counts what was dropped because the shelf is full. It says so once, until the sink takes something again.
func (q *queue) overflow(o *Outbox, n int) {
	if n == 0 {
		return
	}
	o.Count(q.sink.Name(), ResultDropped, n)
	if !q.full.Swap(true) {
		o.Log.Error("outbox is full: the oldest messages are dropped (events.max_bytes)", slog.String("sink", q.sink.Name()))
	}
}

// pump delivers what waits for a sink until the outbox is closed.
func (o *Outbox) pump(q *queue) {
	defer o.last(q)
	for failures := 0; o.ctx.Err() == nil; {
		ms, err := q.shelf.oldest()
		if err == nil && len(ms) == 0 {
			select {
			case <-q.wake:
			case <-o.ctx.Done():
			}
			continue
		}
		n := 0
		if err == nil {
			n, err = o.deliver(o.ctx, q, ms)
		}
		if n > 0 && failures > 0 {
			o.Log.Info("sink takes messages again", slog.String("sink", q.sink.Name()))
			failures = 0
		}
		if err == nil || o.ctx.Err() != nil {
			continue
		}
		o.Count(q.sink.Name(), ResultRetried, 1)
		failures++
		pause := backoff(failures, err)
		if failures == 1 {
			o.Log.Warn("sink does not take messages; they wait", slog.String("sink", q.sink.Name()), slog.Duration("pause", pause), slog.Any("error", err))
		}
		select {
		case <-q.retry:
			failures = 0
		case <-time.After(pause):
		case <-o.ctx.Done():
		}
	}
}

// last gives a sink that nobody is waited for what is left when the outbox is closed, up to the first error.
func (o *Outbox) last(q *queue) {
	if _, ok := q.sink.(prompt); !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), lastPatience)
	defer cancel()
	for ctx.Err() == nil {
		ms, err := q.shelf.oldest()
		if err == nil && len(ms) > 0 {
			_, err = o.deliver(ctx, q, ms)
		}
		if err != nil || len(ms) == 0 {
			return
		}
	}
}

// deliver offers messages to the sink and takes off what it has, and what it will never have. n is how many are off.
func (o *Outbox) deliver(ctx context.Context, q *queue, ms []kept) (n int, err error) {
	offer := make([]Message, 0, len(ms))
	for _, m := range ms {
		if m.Body == nil {
			break
		}
		offer = append(offer, m.Message)
	}
	if len(offer) > 0 {
		n, err = q.sink.Take(ctx, offer)
	} else {
		err = errors.Join(errors.New("the message cannot be read from the disk"), ErrRefused)
	}
	taken := n
	if refused := errors.Is(err, ErrRefused); refused && n < len(ms) {
		o.Log.Error("message is dropped: its sink refuses it", slog.String("sink", q.sink.Name()), slog.String("id", ms[n].ID), slog.Any("error", err))
		n, err = n+1, nil
	}
	if n == 0 {
		return 0, err
	}
	if rerr := q.shelf.remove(ms[:n]); rerr != nil {
		return 0, errors.Join(err, rerr) // the sink is told them again, once the disk is well
	}
	if taken > 0 {
		q.full.Store(false)
		o.Count(q.sink.Name(), ResultDelivered, taken)
	}
	if n > taken {
		o.Count(q.sink.Name(), ResultRefused, n-taken)
	}
	return n, err
}

// backoff is how long a sink is left alone after so many failures in a row: doubling, a part of it by chance so that
// gateways do not come back together, and never less than what the sink asks for.
func backoff(failures int, err error) time.Duration {
	whole := min(firstBackoff<<min(failures-1, 10), lastBackoff)
	pause := whole/2 + rand.N(whole/2+1) //nolint:gosec // chance, not a secret
	if later := (*laterError)(nil); errors.As(err, &later) {
		pause = max(pause, min(later.after, longestWish))
	}
	return pause
}

func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
