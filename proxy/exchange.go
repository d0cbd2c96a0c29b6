package proxy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
	"github.com/sttgate/sttgate/proxy/relay"
)

// exchange is one HTTP request beside the streams, from its admission to its answer:
//
//	upload ─► slot ─► bill, places ─► body: measured, bought, forwarded ─► answer ─► settle   upload.go
//	job ────► slot ─► order ─► bill: bought whole, places ──────► answer ─► settle   job.go
//	read ───► slot ─► whose is it? ─► forwarded ─────────────────► answer ─► settle   read.go
//	pass ───► slot ─► forwarded ─► answer                                              allow.go
//	mint ───► answered here                                                            mint.go
//
// It belongs to the request's goroutine; the body is read by the courier's.
type exchange struct {
	*Handler
	arrival
	v      *vendor
	batch  provider.Batch // nil where nothing is charged
	rt     provider.Route
	in     *http.Request // without anything of ours
	caller Caller
	stream string // the id in log lines and at the ledger

	slot   *slot
	began  time.Time
	live   *Stream       // nil before it has begun
	bill   *bill         // nil where nothing is charged
	basis  string        // of what was charged; "": our own count
	status int           // of the answer
	model  provider.Swap // what became of the one that is asked for
	method string        // how its audio was measured; "" where there was none
	priced priced        // what it came to
}

// modePass is what providers.X.allow lets through.
const modePass provider.Mode = "pass"

// exchange serves a request that is no stream. It answers in every case: an error is
// nobody else's business.
func (h *Handler) exchange(a arrival, in *http.Request, v *vendor, rt provider.Route, caller Caller) {
	x := &exchange{
		Handler: h, arrival: a, v: v, rt: rt, in: in, caller: caller, stream: uuid.NewString(), began: time.Now(),
	}
	x.rt.Words = h.gate.words()
	x.batch, _ = v.Provider.(provider.Batch)
	switch err := x.serve(); {
	case err != nil:
		h.refuse(a, v, err)
	case x.live == nil: // else report has told
		a.span.answered("ok", x.status)
	}
}

// arrival is a request as it came, and what its answer goes to.
type arrival struct {
	w    http.ResponseWriter
	r    *http.Request
	body *intake
	id   string // X-Request-ID
	span *span  // nil: nobody asked for traces
	who  *asker // filled in as it is found out
}

// asker is who asks, and for what.
type asker struct {
	Caller

	mode provider.Mode
}

// unpaid settles what nobody has settled: it has cost nothing.
func (x *exchange) unpaid() {
	if x.bill != nil {
		x.bill.settle(0, 0)
	}
}

func (x *exchange) serve() error {
	if x.rt.Mode == provider.ModeMint {
		return x.mint()
	}
	if x.caller.Token && x.v.config.Key.Empty() {
		return denied{d: deny(provider.UpstreamUnreachable, "the gateway has no key for "+x.v.Name()+": set providers."+x.v.Name()+".key")}
	}
	if !x.v.config.Key.Empty() {
		x.rt.Reference = x.caller.User
	}
	if x.batch == nil && x.rt.Mode != modePass {
		return provider.ErrNoRoute
	}
	if err := x.checkRequest(); err != nil {
		return err
	}
	switch x.rt.Mode {
	case provider.ModeRead, modePass:
		return x.slotted(x.read) // whoever waits for a job does not take a stream's place
	case provider.ModeJob:
		return x.slotted(x.job)
	case provider.ModeUpload, provider.ModeFile:
		return x.slotted(x.upload)
	default:
		return provider.ErrNoRoute
	}
}

// checkRequest refuses what could be read in two ways, before anything is asked or spent.
func (x *exchange) checkRequest() error {
	h := x.in.Header
	switch {
	case len(h.Values("Content-Encoding")) > 0:
		return &provider.Error{Status: http.StatusUnsupportedMediaType, Detail: "a body with Content-Encoding hides how long its audio is: send it as it is"}
	case len(h.Values("Content-Type")) > 1:
		return &provider.Error{Status: http.StatusBadRequest, Detail: "Content-Type stands twice"}
	case len(h.Values("Upgrade")) > 0:
		return &provider.Error{Status: http.StatusBadRequest, Detail: "this path takes no upgrades"}
	case x.in.ContentLength > x.limits.UploadBytes:
		return tooManyBytes(x.limits.UploadBytes)
	}
	return nil
}

func tooManyBytes(limit int64) error {
	return denied{d: deny(provider.TooLarge, "the body is larger than "+strconv.FormatInt(limit, 10)+" bytes (limits.upload_bytes)")}
}

// slotted does it with a slot of the registry, which is given back when everything is settled,
// answered and told: a drain waits for it. An error is of a request that has not begun.
func (x *exchange) slotted(do func() error) (err error) {
	if x.slot, err = x.streams.acquire(x.limits.Streams); err != nil {
		return err
	}
	defer x.slot.release()
	defer x.unpaid() // also when a panic ends it
	err = do()
	x.unpaid()
	if x.live != nil {
		x.report(err)
		return nil
	}
	return err
}

// admit opens the bill for ms and takes the places of whoever spends.
func (x *exchange) admit(ms int64) (err error) {
	if x.bill, err = x.gate.open(x.subject(), x.stream, ms); err != nil {
		return err
	}
	if err := x.share(x.bill.effects); err != nil {
		return err
	}
	x.span.admitted(x.stream, x.bill.effects.Stage)
	x.rt = x.gate.remodel(x.v, x.rt, x.bill.effects)
	x.model = x.rt.Model
	return nil
}

// share takes the places that all gateways count.
func (x *exchange) share(e policy.Effects) error {
	return x.slot.share(x.in.Context(), x.occupant(x.caller.User, x.v, e))
}

// begin writes the opening line and enters the registry. The context is the vendor's side:
// it does not end with the client's, for what the vendor was sent it will bill.
func (x *exchange) begin() (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(x.in.Context()))
	t := &transfer{cancel: cancel, idle: x.limits.IdleTimeout, bill: x.bill, variant: x.rt.Variant, model: cmp.Or(x.model.Used, x.model.Asked)}
	x.live = &Stream{
		ID: x.stream, User: x.caller.User, Provider: x.v.Name(), Mode: x.rt.Mode, Started: x.began, request: x.id,
		transfer: t, log: x.log, metrics: x.gate.metrics, handshake: trace.SpanContextFromContext(x.in.Context()),
	}
	stop := context.AfterFunc(ctx, x.body.giveUp)
	leave := x.streams.enter(x.live)
	x.gate.metrics.started(x.v.Name())
	f := x.rt.Format
	attrs := append(x.live.names(), slog.String("mode", string(x.rt.Mode)),
		slog.String("variant", x.rt.Variant), slog.String("encoding", string(f.Encoding)),
		slog.Int("sample_rate", f.SampleRate), slog.Int("channels", f.Channels))
	x.log.LogAttrs(ctx, slog.LevelInfo, "upload started", append(attrs, modelAttrs(x.model)...)...)
	return ctx, func() {
		leave()
		stop()
		cancel(nil)
	}
}

// maxOutcome bounds how much of an answer is looked at, and held, for what it tells.
const maxOutcome = 8 << 20

// hear reads the vendor's answer, or its beginning: nothing of it reaches the client before
// it is known what it costs and whose it is.
func (x *exchange) hear(resp *http.Response) ([]byte, error) {
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxOutcome))
	if err != nil {
		x.gate.metrics.failed(x.v.Name(), "unreachable")
		return nil, because{denied{d: deny(provider.UpstreamUnreachable, x.v.Name()+" broke off its answer")}, err}
	}
	return head, nil
}

// deliver hands the answer on: what was heard of it, and the rest as it comes.
func (x *exchange) deliver(resp *http.Response, head []byte) error {
	h := x.w.Header()
	clientHeader(h, resp.Header, x.v.Safe())
	if resp.ContentLength >= 0 && x.in.Method != http.MethodHead {
		h.Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	x.body.before(h)
	x.status = resp.StatusCode
	x.w.WriteHeader(resp.StatusCode)
	return x.copy(io.MultiReader(bytes.NewReader(head), resp.Body))
}

// copy writes to the client, which may not stop reading for longer than the idle timeout.
func (x *exchange) copy(from io.Reader) error {
	control := http.NewResponseController(x.w)
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_ = control.SetWriteDeadline(time.Now().Add(x.limits.IdleTimeout)) // fails only on a connection that is gone
			if _, err := x.w.Write(buf[:n]); err != nil {
				return errAnswered{context.Canceled} // the client has gone
			}
			_ = control.Flush()
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errAnswered{err}
		}
	}
}

// failed answers what failed, where that is still possible, and names it.
func (x *exchange) failed(err error) (result string) {
	done, late := errors.AsType[errAnswered](err)
	switch {
	case late && errors.Is(done, context.Canceled):
		return "client_lost"
	case late:
		return "vendor_lost"
	}
	x.body.before(x.w.Header())
	if result = x.answer(x.arrival, x.v, err); result != "client_lost" {
		x.status = denialOf(err).Status
	}
	return result
}

// report answers what failed, and writes the closing line and its counters.
func (x *exchange) report(err error) {
	result := "ok"
	switch {
	case err != nil:
		result = x.failed(err)
	case x.status >= 400:
		result = "vendor_refused"
	}
	p := x.live.Progress()
	attrs := append(x.live.names(),
		slog.String("result", result),
		slog.Int("status", x.status),
		slog.Int64("audio_ms", p.Forwarded.Milliseconds()),
		slog.Int64("audio_bytes", p.Bytes),
		slog.Int64("connection_ms", time.Since(x.began).Milliseconds()))
	lvl, charged := slog.LevelInfo, int64(0)
	var lost error
	if x.bill != nil {
		if charged, lost = x.bill.cost(); lost != nil {
			lvl, attrs = slog.LevelError, append(attrs, slog.Any("settle_error", lost))
		}
		x.gate.metrics.unsettled(lost)
	}
	attrs = append(attrs, slog.Int64("charged_ms", charged))
	if x.method != "" {
		attrs = append(attrs, slog.String("method", x.method))
	}
	attrs = append(attrs, modelAttrs(x.model)...)
	if err != nil {
		attrs = append(attrs, slog.Any("error", err))
	}
	if fault, ok := errors.AsType[*relay.PanicError](err); ok {
		attrs = append(attrs, slog.String("stack", string(fault.Stack)))
	}
	m := x.gate.metrics
	m.audio(x.v.Name(), x.rt.Mode, "forwarded", p.Forwarded, p.Bytes)
	m.ended(x.v.Name(), result, cmp.Or(x.basis, ChargeAudio), charged)
	m.remodelled(x.v.Name(), x.model)
	x.tell(result, charged)
	x.told(result, charged, lost != nil)
	x.refused(result, err)
	x.span.answered(result, x.status)
	x.log.LogAttrs(context.Background(), lvl, "upload ended", append(attrs, slog.String("mode", string(x.rt.Mode)))...)
}
