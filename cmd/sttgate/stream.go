package main

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/sttgate/sttgate/meter"
)

// finishTimeout is how long the vendor's last words are waited for after the
// end of the audio. Results that come later than that are not coming.
const finishTimeout = 10 * time.Second

// outcome is what a client knows about one stream.
type outcome struct {
	sentBytes  int64
	sentMS     int64
	vendorMS   int64 // the vendor's own figure; -1 while it told none
	transcript []string
	notices    []notice // in-band errors that did not end the stream
	end        *notice  // how the peer ended it, nil after our own polite end
	early      bool     // the peer closed before the audio was through
	broken     error    // a write failed, or the last words never came
}

// notice is an Error message, or a close that was not 1000.
type notice struct {
	Code   string `json:"code,omitempty"`   // the close code, or the vendor's error code
	Reason string `json:"reason,omitempty"` // for people
	Kind   string `json:"kind,omitempty"`   // the gateway's machine word: budget_exhausted and so on
}

func (n notice) String() string {
	if n.Kind != "" && n.Reason != "" {
		return n.Kind + ": " + n.Reason
	}
	return strings.TrimSpace(n.Code + " " + n.Reason)
}

// watcher follows a stream; its functions may be nil. They are called from
// several goroutines, final and noticed from the SDK's.
type watcher struct {
	sent    func(bytes int64)
	final   func(text string)
	noticed func(notice)
}

// streamer sends audio in a vendor's dialect.
type streamer struct {
	vendor string
	target target
	speed  float64 // of real time; 0 is as fast as it goes
	watch  watcher
}

// run streams a and returns when the stream is over. The error is the dialect's,
// the context's, or one of reading a.
func (s streamer) run(ctx context.Context, a audio) (outcome, error) {
	c := newConversation(s.watch)
	conn, err := dialects()[s.vendor](ctx, c, s.target, a.format)
	if err != nil {
		return c.outcome(), err
	}
	defer conn.stop()

	err = s.pump(ctx, c, conn, a)
	if err == nil || ctx.Err() != nil {
		// Also when interrupted: a stream that just vanishes lingers at the vendor.
		c.finish(conn)
	}
	conn.stop()
	o := c.outcome()
	o.sentMS = a.millis(o.sentBytes)
	return o, err
}

// pump writes frames on time until the audio, the stream or the context ends.
func (s streamer) pump(ctx context.Context, c *conversation, conn io.Writer, a audio) error {
	frame := make([]byte, a.frame())
	start := time.Now()
	var sent int64
	for {
		n, err := io.ReadFull(a.data, frame)
		// Half a sample at the end is not audio.
		n -= n % a.format.Align()
		if n > 0 {
			if !s.wait(ctx, c, start, a.format, sent) {
				return ctx.Err()
			}
			if _, werr := conn.Write(frame[:n]); werr != nil {
				c.failed(werr)
				return ctx.Err()
			}
			sent += int64(n)
			c.sent(sent)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// wait holds the frame that begins at byte sent until it is due. It reports
// false when there is no reason to send it.
func (s streamer) wait(ctx context.Context, c *conversation, start time.Time, f meter.Format, sent int64) bool {
	var due time.Duration
	if s.speed > 0 {
		due = time.Duration(float64(sent)/float64(f.BytesPerSecond())/s.speed*float64(time.Second)) - time.Since(start)
	}
	if due <= 0 {
		select {
		case <-c.closed:
			return false
		case <-ctx.Done():
			return false
		default:
			return true
		}
	}
	t := time.NewTimer(due)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.closed:
		return false
	case <-ctx.Done():
		return false
	}
}
