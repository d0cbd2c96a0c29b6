package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/meter/ledger"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/proxy/provider"
)

// spans tells a tracer what takes time beside audio. A stream has no span as long as it runs: one of eight hours would be
// lost with a crash, and shown by nobody before its end. What there is instead, in one trace:
//
//	handshake or request ──┬── lease ──┬── dial, or send          (until the client is answered)
//	                       └────────────────────────── settle     (at the stream's end, hours later)
//
// A nil spans is a tracer that nobody asked for: it costs a comparison.
//
// Names and values come from closed sets, but for ids: a user's name is in none of them, for traces are often kept by
// somebody else than logs. The stream's id leads from one to the other.
type spans struct{ tracer trace.Tracer }

func newSpans(t trace.Tracer) *spans {
	if t == nil {
		return nil
	}
	return &spans{t}
}

// arrived begins the span of a request and puts it into the request's context. trusts says whose traceparent is gone
// on with. A stranger's becomes a link: it could put our spans into anybody's trace, or have all of them sampled.
func (s *spans) arrived(r *http.Request, id string, trusts func(*http.Request) bool) (*http.Request, *span) {
	if s == nil {
		return r, nil
	}
	ctx := r.Context()
	opts := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method(r.Method)), attribute.String("sttgate.request.id", id)),
	}
	from := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
	switch said := trace.SpanContextFromContext(from); {
	case !said.IsValid():
	case trusts(r):
		ctx = from
	default:
		opts = append(opts, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: said}))
	}
	ctx, sp := s.tracer.Start(ctx, "request", opts...)
	return r.WithContext(ctx), &span{sp}
}

// step is a part of the request that ctx belongs to. done is told what failed, in a word from a closed set; "": nothing.
func (s *spans) step(ctx context.Context, name string, kind trace.SpanKind) (done func(fault string)) {
	if s == nil {
		return func(string) {}
	}
	_, sp := s.tracer.Start(ctx, name, trace.WithSpanKind(kind))
	return func(fault string) {
		failed(sp, fault)
		sp.End()
	}
}

// settling is the span in which a stream is paid for, hours after the request that it belongs to.
func (s *spans) settling(of trace.SpanContext, stream string) (done func(paid settlement)) {
	if s == nil {
		return func(settlement) {}
	}
	_, sp := s.tracer.Start(trace.ContextWithRemoteSpanContext(context.Background(), of), "settle")
	return func(p settlement) {
		sp.SetAttributes(
			attribute.String("sttgate.stream.id", stream), attribute.String("sttgate.result", p.result),
			attribute.Int64("sttgate.audio.ms", p.audio.Milliseconds()), attribute.Int64("sttgate.charged.ms", p.charged),
			attribute.Int64("sttgate.connection.ms", p.lasted.Milliseconds()))
		if p.lost != nil {
			failed(sp, faultStore)
		}
		sp.End()
	}
}

// settlement is how a stream was paid for.
type settlement struct {
	result        string
	audio, lasted time.Duration
	charged       int64 // ms
	lost          error // the ledger does not know
}

// faultStore is the word for a ledger that does not answer.
const faultStore = string(provider.StoreUnavailable)

// leaseFault is the word for a lease that failed; that a budget said no is none.
func leaseFault(err error) string {
	if errors.Is(err, ledger.ErrOutage) {
		return faultStore
	}
	return ""
}

// failed marks a span with a word, and not with the error: that may name users and addresses.
func failed(sp trace.Span, fault string) {
	if fault != "" {
		sp.SetAttributes(attribute.String("error.type", fault))
		sp.SetStatus(codes.Error, fault)
	}
}

// span is a request's. Its methods may be called on nil.
type span struct{ trace.Span }

func (s *span) end() {
	if s != nil {
		s.End()
	}
}

// matched names the span: by then it is known what is asked for.
func (s *span) matched(v *vendor, rt provider.Route) {
	if s == nil {
		return
	}
	s.SetName(v.Name() + " " + string(rt.Mode))
	s.SetAttributes(
		attribute.String("gen_ai.operation.name", "speech_to_text"), attribute.String("gen_ai.provider.name", v.Name()),
		attribute.String("sttgate.mode", string(rt.Mode)), attribute.String("sttgate.variant", rt.Variant))
}

// admitted says which stream comes of it, and at what stage its user is.
func (s *span) admitted(stream string, at policy.Stage) {
	if s != nil {
		s.SetAttributes(attribute.String("sttgate.stream.id", stream), attribute.String("sttgate.stage", string(at)))
	}
}

// answered says how the request ended; result is a word of streams_total, status 0 where there was no answer over HTTP.
func (s *span) answered(result string, status int) {
	if s == nil {
		return
	}
	s.SetAttributes(attribute.String("sttgate.result", result))
	if status != 0 {
		s.SetAttributes(attribute.Int("http.response.status_code", status))
	}
	if status >= http.StatusInternalServerError { // a refusal of ours is no failure of ours
		failed(s, result)
	}
}

// traceAttrs lead from a log line to its trace.
func traceAttrs(of trace.SpanContext) []slog.Attr {
	if !of.HasTraceID() {
		return nil
	}
	return []slog.Attr{slog.String("trace_id", of.TraceID().String())}
}

// method is a request's, from a closed set.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER" // the word of OpenTelemetry's conventions
}
