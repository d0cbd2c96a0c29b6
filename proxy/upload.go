package proxy

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// upload is the way of a request whose body is audio. The budgets are asked before a byte of
// it is read; where its length is told beforehand it is bought whole, and else slice by slice
// while it flows. A vendor that refuses or fails has cost nothing.
func (x *exchange) upload() error {
	form, err := x.batch.Body(x.rt, x.in.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if form.JSON {
		return x.job()
	}
	g, err := newGauge(x.rt, x.limits.UploadDuration, x.gate.slice)
	if err != nil {
		return err
	}
	if err := g.told(x.in.ContentLength, form.Part == ""); err != nil {
		return err
	}
	if x.rt.Mode == provider.ModeFile { // it costs nothing, so no lease has told a stage: that holds for its job
		if err := x.share(policy.Effects{}); err != nil {
			return err
		}
	} else {
		if err := x.admit(max(g.declared(), 1)); err != nil {
			return err
		}
		g.buy = x.bill.cover
		if x.gate.unmeasured() {
			g.leave = func() (time.Duration, error) { return x.limits.UploadDuration, x.unseen() }
		}
	}
	body, err := x.measured(form, g)
	if err != nil {
		return err
	}
	if err := body.prime(); err != nil {
		return err
	}
	ctx, end := x.begin()
	defer end()
	defer body.stop()
	body.progress(x.live.transfer, ctx.Done())
	resp, err := x.send(ctx, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return x.finish(resp, g, body)
}

// metered notes how the audio was measured.
func (x *exchange) metered(method string) {
	x.method = method
	x.gate.metrics.metered(x.v.Name(), method)
}

func (x *exchange) subject() subject {
	return subject{user: x.caller.User, plan: x.caller.Plan, provider: x.v.Name()}
}

// measured is the client's body, measured and bought as it is read.
func (x *exchange) measured(form provider.Body, g *gauge) (*uploadBody, error) {
	b := &uploadBody{src: x.body, most: x.limits.UploadBytes, gauge: g, length: x.in.ContentLength}
	if x.bill != nil {
		b.tempo = &x.bill.tempo
	}
	if form.Part == "" {
		return b, nil
	}
	parts, err := newParts(x.in.Header.Get("Content-Type"), form, x.in.ContentLength)
	if err != nil {
		return nil, err
	}
	parts.audio, parts.order = g.write, x.orderPart(g, b)
	parts.begins = func(bytes int64) error { return g.told(bytes, true) }
	if form.Order != "" {
		b.length = -1 // the order may be rewritten, and may come last
	}
	b.parts = parts
	return b, nil
}

// orderPart judges the order in a form: it may name a URL, and say what the audio costs.
func (x *exchange) orderPart(g *gauge, b *uploadBody) func([]byte) ([]byte, error) {
	return func(json []byte) ([]byte, error) {
		o, err := x.batch.Order(x.rt, json)
		if err != nil {
			return nil, err
		}
		b.setOrder(o)
		if o.Weight > 0 {
			if err := g.weigh(o.Weight); err != nil {
				return nil, err
			}
		}
		if o.URL {
			if err := x.unseen(); err != nil {
				return nil, err
			}
			if err := g.reserve(x.limits.UploadDuration); err != nil {
				return nil, err
			}
		}
		if o.Replace != nil {
			return o.Replace, nil
		}
		return json, nil
	}
}

// unseen refuses audio that nobody here sees, where a budget applies and no cap is set.
func (x *exchange) unseen() error {
	if x.limits.UploadDuration == 0 && x.bill != nil && x.bill.limited() {
		return &provider.Error{Status: http.StatusBadRequest, Detail: "audio behind a URL cannot be measured here: its operator has to set limits.upload_duration, which is then reserved; or send the audio itself"}
	}
	return nil
}

// send forwards the body and brings the answer.
func (x *exchange) send(ctx context.Context, body *uploadBody) (*http.Response, error) {
	resp, err := x.courier.send(ctx, x.v, parcel{route: x.rt, in: x.in, body: body, length: body.length})
	if fault := body.fault(); fault != nil { // the reason why the courier failed, or will
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, fault
	}
	return resp, err
}

// finish settles by the answer, and delivers it.
func (x *exchange) finish(resp *http.Response, g *gauge, body *uploadBody) error {
	head, err := x.hear(resp)
	if err != nil {
		return err
	}
	// Not before: a vendor may answer while it is still being sent to, and a body that breaks off takes
	// the connection with it, and what has not been read of the answer.
	body.stop()
	order := body.order()
	if order != nil {
		x.model = order.Model
	}
	out := x.batch.Outcome(x.rt, resp.StatusCode, head)
	unseen := order != nil && order.URL || g.unseen()
	x.metered(g.method(out.Known))
	fault := body.fault()
	switch {
	case resp.StatusCode >= 300:
	case fault != nil: // a success in the middle of a body that was refused: there is nothing to be paid for
		return fault
	case x.rt.Mode == provider.ModeFile:
		x.note(out.ID, receipt{User: x.caller.User, Length: g.millis()})
	default:
		x.settle(out, price{
			kept: g.cost(), weight: g.weight(), vendors: unseen || x.v.config.Charge == ChargeReported,
		})
		if out.Known && !unseen {
			x.gate.metrics.drift(x.v.Name(), out.Duration-g.elapsed())
		}
	}
	return x.deliver(resp, head)
}

// price is how a job is to be paid.
type price struct {
	kept    int64 // ms, weighted: what was bought, and what is paid where nobody knows better
	weight  int64
	vendors bool // the vendor's figure is charged, once it is told
}

// of is what a job costs whose outcome is known; final is false while it is not.
func (p price) of(out provider.Outcome) (ms int64, final bool) {
	switch {
	case out.Failed:
		return 0, true
	case !out.Done && out.ID != "":
		return p.kept, false
	case p.vendors && out.Known:
		return millis(out.Duration) * p.weighed(out), true
	}
	return p.kept, true
}

// weighed is what one millisecond of audio cost.
func (p price) weighed(out provider.Outcome) int64 {
	if p.vendors && out.Known && out.Weight > 0 {
		return out.Weight
	}
	return max(p.weight, 1)
}

// basis is whose figure it was.
func (p price) basis(out provider.Outcome) string {
	if p.vendors && out.Known {
		return ChargeReported
	}
	return ChargeAudio
}

// settle pays for an answered request, or keeps what it may cost until its price is read,
// and tells the client where its budgets stand.
func (x *exchange) settle(out provider.Outcome, p price) {
	ms, final := p.of(out)
	c := receipt{User: x.caller.User, Model: heardBy(x.model), Asked: x.model.Asked}
	x.priced = x.pricedAt(p, out, ms)
	if !final {
		if err := x.bill.keep(ms); err != nil {
			x.log.Error("not kept; charged now", slog.String("stream", x.stream), slog.Any("error", err))
			final = true
		} else {
			c.Stream, c.Kept, c.Weight, c.Vendors = x.stream, ms, p.weight, p.vendors
			x.priced.later = true
		}
	}
	if final {
		x.basis = p.basis(out)
		x.pay(ms, x.speech(p, out, ms))
		x.w.Header().Set("X-Sttgate-Charged-Ms", strconv.FormatInt(ms, 10))
	}
	x.note(out.ID, c)
	said := x.bill.said()
	x.gate.setRateLimit(x.w.Header(), said.Balances, time.Now())
}

// pay settles, in a span of its own.
func (x *exchange) pay(ms, speech int64) {
	paid := x.gate.spans.step(x.in.Context(), "settle", trace.SpanKindInternal)
	x.bill.settle(ms, speech)
	fault := ""
	if _, lost := x.bill.cost(); lost != nil {
		fault = faultStore
	}
	paid(fault)
}

// speech is how much of what cost ms was speech, where that is asked for: the words of the answer. An
// answer without words (it comes later, to another request, or is larger than what is looked at) is
// about audio that may be all speech.
func (x *exchange) speech(p price, out provider.Outcome, ms int64) int64 {
	audio := ms / p.weighed(out)
	switch {
	case !x.rt.Words:
		return 0
	case out.Heard:
		return min(millis(out.Speech), audio)
	}
	return audio
}
