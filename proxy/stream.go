package proxy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// Stream is one running stream: what the registry knows of it.
type Stream struct {
	ID       string
	User     string
	Provider string
	Mode     provider.Mode
	Started  time.Time

	request  string    // its handshake's id
	transfer *transfer // of an upload; the others have what follows
	tap      *tap
	tally    *tally // nil: nobody wants to know
	relay    *relay.Stream
	longest  time.Duration // LimitsConfig.StreamDuration
	// handshake is its span's, which is over by now; zero without one.
	handshake trace.SpanContext
	log       *slog.Logger
	metrics   *Metrics

	mu    sync.Mutex // guards shown: the ticker and the end both flush
	shown struct {
		forwarded, dropped, forwardedTime, droppedTime int64
		toVendor, toClient                             time.Duration // stalled
	}
}

// Progress is what a stream has done so far.
type Progress struct {
	Forwarded time.Duration // audio that reached the vendor
	Dropped   time.Duration // audio that was swallowed
	Bytes     int64         // of forwarded audio
}

// Progress is safe from any goroutine.
func (s *Stream) Progress() Progress {
	if s.transfer != nil {
		return s.transfer.progress()
	}
	return Progress{
		Forwarded: time.Duration(s.tap.forwardedTime.Load()),
		Dropped:   time.Duration(s.tap.droppedTime.Load()),
		Bytes:     s.tap.forwarded.Load(),
	}
}

// newStream joins two sockets whose handshakes are done. It owns them from here on.
func newStream(id, request string, a *admission, rt provider.Route, v *vendor, cfg relay.Config, c, up leg, g *gate) *Stream {
	rt.Words = g.words()
	told := rt // a session tells of its speech, also where nobody is charged by it
	told.Words = rt.Words || g.sessions.Ended != nil || g.events.Used != nil
	t := &tap{
		session: v.Open(told), gate: g, sub: a.subject, route: rt, now: time.Now, id: id, request: request, tempo: a.tempo,
		purse: purse{account: a.account, gate: g, sub: a.subject, basis: v.config.Charge, began: time.Now()},
	}
	t.purse.weight.Store(rt.Weight)
	t.stream = relay.New(cfg, c.conn, up.conn, up.rest, t)
	t.remember(g.sessions, v.Provider)
	if rt.Model != (provider.Swap{}) {
		t.heardBy(rt.Model)
	}
	t.purse.waiting = func() { t.stream.Waiting(relay.Client) }
	s := &Stream{
		ID: id, User: a.user, Provider: a.provider, Mode: provider.ModeStream, Started: time.Now(), request: request,
		tap: t, relay: t.stream, log: g.log, metrics: g.metrics,
	}
	s.count()
	return s
}

// begun writes the stream's one opening line. It is called on the handshake's
// goroutine: logging needs a deep stack, which the stream's would keep for its life.
func (s *Stream) begun() {
	f := s.tap.route.Format
	attrs := append(s.names(),
		slog.String("variant", s.tap.route.Variant), slog.String("encoding", string(f.Encoding)),
		slog.Int("sample_rate", f.SampleRate), slog.Int("channels", f.Channels))
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "stream started", append(attrs, modelAttrs(s.tap.swap())...)...)
}

// names tell a stream's lines from others'.
func (s *Stream) names() []slog.Attr {
	return append([]slog.Attr{
		slog.String("stream", s.ID), slog.String("request", s.request), slog.String("user", s.User), slog.String("provider", s.Provider),
	}, traceAttrs(s.handshake)...)
}

// start relays, settles at the end, whatever the end was, and then calls over.
func (s *Stream) start(over func()) {
	s.metrics.started(s.Provider)
	s.relay.Start(func(res relay.Result) {
		defer over()
		s.end(res)
	})
}

// end settles.
func (s *Stream) end(res relay.Result) {
	s.tap.keepalives.stop()
	// The wall clock's share since the last tick. A budget that has no room for it was spent to
	// its end, and the stream is over.
	s.tap.purse.told(s.tap.session)
	_ = s.tap.purse.tick(time.Now())
	s.tap.listen()
	ctx, cancel := context.WithTimeout(context.Background(), settleTimeout)
	defer cancel()
	settled := s.tap.gate.spans.settling(s.handshake, s.ID)
	err := s.tap.purse.account.Close(ctx)
	settled(settlement{s.result(res), s.Progress().Forwarded, time.Since(s.Started), s.tap.purse.account.Charged(), err})
	s.report(res, err)
}

// report writes the stream's one closing line and its counters.
func (s *Stream) report(res relay.Result, settle error) {
	charged := s.tap.purse.account.Charged()
	p := s.Progress()
	attrs := append(s.names(),
		slog.String("result", s.result(res)),
		slog.Int64("audio_ms", p.Forwarded.Milliseconds()),
		slog.Int64("dropped_ms", p.Dropped.Milliseconds()),
		slog.Int64("charged_ms", charged),
		slog.Int64("audio_bytes", p.Bytes),
		slog.Int64("connection_ms", time.Since(s.Started).Milliseconds()),
		slog.Int("client_code", res.ClientCode),
		slog.Int("vendor_code", res.VendorCode),
	)
	if v, ok := s.tap.session.(provider.Identified); ok && v.VendorID() != "" {
		attrs = append(attrs, slog.String("vendor_id", v.VendorID())) // what the vendor's records know the stream by
	}
	if v, ok := s.tap.session.(provider.Complaining); ok && v.Complaint() != 0 {
		attrs = append(attrs, slog.Int("vendor_error", v.Complaint()))
		s.metrics.failed(s.Provider, errorCode(v.Complaint()))
	}
	rep, told := s.tap.session.Reported()
	method := s.tap.sound.method(told)
	attrs = append(attrs, slog.String("method", method))
	attrs = append(attrs, modelAttrs(s.tap.swap())...)
	if s.tap.route.Words {
		attrs = append(attrs, slog.Int64("speech_ms", s.tap.speech()))
	}
	if in := s.tap.sound.info(); in.Format != "" {
		attrs = append(attrs, slog.String("format", in.Format), slog.String("codec", in.Codec))
	}
	if told {
		attrs = append(attrs, slog.Int64("reported_ms", rep.Milliseconds()))
		s.metrics.drift(s.Provider, rep-p.Forwarded)
	}
	if res.Err != nil {
		attrs = append(attrs, slog.Any("error", res.Err))
	}
	if fault, ok := errors.AsType[*relay.PanicError](res.Err); ok {
		attrs = append(attrs, slog.String("stack", string(fault.Stack)))
	}
	if settle != nil {
		attrs = append(attrs, slog.Any("settle_error", settle))
	}
	s.flush()
	s.metrics.unsettled(settle)
	s.metrics.metered(s.Provider, method)
	s.metrics.ended(s.Provider, s.result(res), cmp.Or(s.tap.purse.basis, ChargeAudio), charged)
	s.log.LogAttrs(context.Background(), level(settle), "stream ended", attrs...)
	s.tell(s.result(res))
	s.last(s.result(res), method, settle != nil)
}

// level is an error's where audio was relayed that the ledger does not know of.
func level(settle error) slog.Level {
	if settle != nil {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// result is the label of how a stream ended: from a closed set.
func (s *Stream) result(res relay.Result) string {
	switch {
	case s.tap.ended.Load() != nil:
		return s.tap.ended.Load().Cause()
	case res.Err == nil:
		return "ok"
	case errors.Is(res.Err, relay.ErrIdle):
		return "idle"
	case errors.Is(res.Err, relay.ErrSlow):
		return "slow"
	case errors.Is(res.Err, relay.ErrProtocol), errors.Is(res.Err, relay.ErrTooBig):
		return "protocol"
	case errors.Is(res.Err, relay.ErrLost) && res.By == relay.Client:
		return "client_lost"
	case errors.Is(res.Err, relay.ErrLost):
		return "vendor_lost"
	}
	return "error"
}

// tick is the stream's share of the registry's one ticker.
func (s *Stream) tick(now time.Time) {
	if s.transfer != nil {
		s.transfer.tick(now)
		return
	}
	if s.longest > 0 && now.Sub(s.Started) >= s.longest {
		s.tap.end(tooLong(s.longest))
	}
	s.relay.Tick(now)
	s.tap.tick(now)
	s.tap.listen()
	s.part(now)
	s.flush()
}

// tooLong is what a stream is told that has run for limits.stream_duration. It is the same
// close as for a message that is too large: nothing is wrong with the budget, and a new
// stream may begin at once.
func tooLong(longest time.Duration) *provider.Denial {
	d := deny(provider.TooLarge, "a stream may run for "+longest.String()+" here (limits.stream_duration); begin a new one")
	d.Title = "Stream too long"
	return d
}

// stop finishes it politely for a reason of the gateway's.
func (s *Stream) stop(d *provider.Denial) {
	if s.transfer != nil {
		s.transfer.stop(d)
		return
	}
	s.tap.end(d)
}

// abort cuts it.
func (s *Stream) abort() {
	if s.transfer != nil {
		s.transfer.abort()
		return
	}
	s.relay.Abort()
}

// flush moves what passed since the last time into the counters, so that a frame
// costs no metric.
func (s *Stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, d := s.tap.forwarded.Load(), s.tap.dropped.Load()
	ft, dt := s.tap.forwardedTime.Load(), s.tap.droppedTime.Load()
	s.metrics.audio(s.Provider, provider.ModeStream, "forwarded", time.Duration(ft-s.shown.forwardedTime), f-s.shown.forwarded)
	s.metrics.audio(s.Provider, provider.ModeStream, "dropped", time.Duration(dt-s.shown.droppedTime), d-s.shown.dropped)
	s.shown.forwarded, s.shown.dropped, s.shown.forwardedTime, s.shown.droppedTime = f, d, ft, dt
	now := time.Now()
	up, down := s.relay.Stalled(relay.Vendor, now), s.relay.Stalled(relay.Client, now)
	s.metrics.stalled(toVendor, up-s.shown.toVendor)
	s.metrics.stalled(toClient, down-s.shown.toClient)
	s.shown.toVendor, s.shown.toClient = max(up, s.shown.toVendor), max(down, s.shown.toClient)
}
