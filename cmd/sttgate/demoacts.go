package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// books is what everybody but the client has counted so far.
type books struct {
	heard   int   // streams that the vendor took
	dropped int64 // bytes, by the gateway's metric
	ended   int64 // streams and refusals, by the gateway's metric
	charged int64 // ms of the user, by the ledger
	used    int64 // ms of the user's budget, by the ledger
	stage   string
}

// books asks the gateway and the vendor; charged and the rest are about user.
func (h *house) books(ctx context.Context, vendor, user string) (books, error) {
	text, err := h.admin.text(ctx, "/metrics")
	if err != nil {
		return books{}, err
	}
	u, err := h.admin.user(ctx, user)
	if err != nil {
		return books{}, err
	}
	b := books{heard: h.vendors.by[vendor].Totals().Streams, stage: u.Stage}
	if b.dropped, err = sumMetric(text, "sttgate_audio_bytes_total", `kind="dropped"`); err != nil {
		return b, err
	}
	if b.ended, err = sumMetric(text, "sttgate_streams_total", ""); err != nil {
		return b, err
	}
	// The widest window: nothing of the demo has fallen out of it.
	if len(u.Usage) > 0 {
		b.charged = u.Usage[len(u.Usage)-1].AudioMS
	}
	for _, x := range u.Budgets {
		b.used += x.UsedMS
	}
	return b, nil
}

// settled waits until the gateway has closed the books of one more stream: a
// client sees its end a moment before that.
func (h *house) settled(ctx context.Context, before books) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := h.admin.text(ctx, "/metrics")
		if err != nil {
			return err
		}
		ended, err := sumMetric(text, "sttgate_streams_total", "")
		if err != nil || ended > before.ended {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the gateway did not settle the stream: %w", ctx.Err())
		}
	}
}

// play streams the recording as a user and gathers the figures from all sides.
func (h *house) play(ctx context.Context, vendor, name, user string, w watcher) (act, outcome, error) {
	x := act{Name: name, Provider: vendor, User: user, Reported: -1}
	before, err := h.books(ctx, vendor, user)
	if err != nil {
		return x, outcome{}, err
	}
	a := demoAudio()
	o, err := streamer{vendor: vendor, target: h.target(user), speed: demoSpeed, watch: w}.run(ctx, a)
	switch {
	case errors.Is(err, errConnect) && ctx.Err() == nil:
		err = h.refused(ctx, &x)
	case err == nil:
		x.SentMS, x.Reported, x.Status = o.sentMS, o.vendorMS, http.StatusSwitchingProtocols
		if len(o.notices) > 0 {
			x.Reason = o.notices[0].Kind
		}
		err = errors.Join(ended(name, o), h.settled(ctx, before), h.heard(ctx, before, &x))
	}
	if err != nil {
		return x, o, fmt.Errorf("%s streams: %w", user, err)
	}
	after, err := h.books(ctx, vendor, user)
	x.Stage = after.stage
	x.Dropped = a.millis(after.dropped - before.dropped)
	x.Charged, x.BudgetUsed = after.charged-before.charged, after.used-before.used
	if name == actRefused {
		if after.heard != before.heard {
			x.Forwarded = -1 // a stream that must not be there, whatever it carried
		}
	}
	return x, o, err
}

// ended is nil when the stream ended as it should.
func ended(name string, o outcome) error {
	switch {
	case name == actEnded && (o.end != nil || o.early):
		return nil
	case name == actEnded:
		return errors.New("the stream was not ended")
	case o.end != nil:
		return fmt.Errorf("the stream was closed: %s", o.end)
	case o.early:
		return errors.New("the stream was closed before the speech was over")
	}
	return o.broken
}

// heard takes the vendor's own count of the newest stream.
func (h *house) heard(ctx context.Context, before books, x *act) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	streams, err := h.vendors.by[x.Provider].Wait(ctx, before.heard+1)
	if err != nil || len(streams) == 0 {
		return errors.Join(errors.New("the vendor heard no stream"), err)
	}
	r := streams[len(streams)-1].Record()
	x.Forwarded = r.AudioMS
	x.Intact = r.SHA256 == speechSum(r.AudioBytes)
	return nil
}

// refused asks for the answer that the SDK does not show.
func (h *house) refused(ctx context.Context, x *act) error {
	no, err := probe(ctx, h.target(x.User), demoAudio().format)
	if err != nil {
		return err
	}
	if no == nil {
		return errors.New("the SDK could not connect although the gateway lets it")
	}
	x.Status, x.Reason, x.RetryAfter = no.Status, no.Reason, no.RetryAfter
	return nil
}

// restrict moves a user as an operator would.
func (h *house) restrict(ctx context.Context, user string) error {
	return h.admin.stage(ctx, user, stageChange{Stage: "restrict", Reason: "the demo shows what happens then"})
}

// sumMetric adds up the samples of a metric whose labels contain label. The
// demo's metrics hold whole numbers.
func sumMetric(text, name, label string) (int64, error) {
	var sum int64
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(line, name+"{")
		labels, value, found := strings.Cut(rest, "} ")
		if !ok || !found || label != "" && !slices.Contains(strings.Split(labels, ","), label) {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			return 0, fmt.Errorf("metric %s: %w", name, err)
		}
		sum += int64(v)
	}
	return sum, nil
}
