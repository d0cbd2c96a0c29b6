package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/sttgate/sttgate/config"
	"github.com/sttgate/sttgate/policy"
	"github.com/sttgate/sttgate/policy/engine"
)

// traces is the way of spans out of the gateway: OpenTelemetry's own SDK (Go, stable since 1.0; the newest release when it
// was chosen was four weeks old), over OTLP/HTTP, which every collector takes and which needs no second kind of connection.
// Spans are handed over in batches by a goroutine of the SDK's: when the collector is away they are dropped, and nothing
// of the gateway's waits. A nil traces is none.
type traces struct{ provider *sdktrace.TracerProvider }

// tracesPatience is how long a gateway that ends waits for its last spans to be taken.
const tracesPatience = 3 * time.Second

func newTraces(ctx context.Context, c config.Tracing, version string, log *slog.Logger) (*traces, error) {
	if c.OTLPEndpoint == "" {
		return nil, nil //nolint:nilnil // none is what was asked for, and its methods may be called
	}
	out, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(c.TracesURL()))
	if err != nil {
		return nil, fmt.Errorf("tracing.otlp_endpoint: %w", err)
	}
	about, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv(), resource.WithAttributes(
		attribute.String("service.name", "sttgate"), attribute.String("service.version", version)))
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	// The SDK has one place for errors, for the whole process, and would print them as text.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces are not delivered", slog.Any("error", err)) }))
	return &traces{sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(out), sdktrace.WithResource(about),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(c.Sample))),
	)}, nil
}

// tracer is nil where nobody asked for traces.
func (t *traces) tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("github.com/sttgate/sttgate")
}

// introduce has reviews traced: they belong to no request, and may outlive the one that had them begin.
func (t *traces) introduce(d *engine.Deps) {
	if t == nil {
		return
	}
	tracer := t.tracer()
	d.Trace = func(ctx context.Context, ref string) (context.Context, func(string)) {
		ctx, sp := tracer.Start(ctx, "review", trace.WithNewRoot(), trace.WithAttributes(attribute.String("sttgate.case", ref)))
		return ctx, func(result string) {
			sp.SetAttributes(attribute.String("sttgate.result", result))
			if result == string(policy.OutcomeFailed) || result == engine.ResultBadAnswer {
				sp.SetAttributes(attribute.String("error.type", result))
				sp.SetStatus(codes.Error, result)
			}
			sp.End()
		}
	}
}

// Close hands the last spans over. That a collector does not take them is no error of the gateway's: the handler
// above says so.
func (t *traces) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesPatience)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
	return nil
}
