// Package tracing tells an OpenTelemetry collector what becomes of each post: one trace
// from the post to EasyBroker's confirmation, whichever process does which part. It is
// the only package that knows the SDK. Nothing of it exists unless the environment names
// a collector.
//
// A span has ids, states, numbers and times. It is given nothing else, so no personal
// data can be in it.
package tracing

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"leadrelay/internal/lead"
)

// What is ours among the attributes. They have the names of the log's fields.
const (
	siteKey     = attribute.Key("leadrelay.site")
	remoteIDKey = attribute.Key("leadrelay.remote_id")
	stateKey    = attribute.Key("leadrelay.state")
	repeatKey   = attribute.Key("leadrelay.repeat")
	attemptKey  = attribute.Key("leadrelay.attempt")
	outcomeKey  = attribute.Key("leadrelay.outcome")
	foundKey    = attribute.Key("leadrelay.found")
)

// Tracer begins traces and goes on with them. Its spans wait in memory, a bounded number
// of them, and are sent in the background: nobody waits for the collector.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdktrace.TracerProvider
	exporter *exporter
	log      zerolog.Logger
}

// New returns the tracer that the environment asks for, or nil if it asks for none. What
// is wrong in the environment is logged: leads matter more than traces, so no mistake
// there keeps the relay from them.
//
// The SDK itself reads OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
// OTEL_BSP_* and OTEL_SPAN_*; settings.go has the others.
func New(env map[string]string, version string, log zerolog.Logger) *Tracer {
	s, err := settingsOf(env, log)
	if err != nil {
		log.Error().Err(err).Msg("nothing is traced")
	}
	if s == nil {
		return nil
	}
	few := rate.Sometimes{First: 5, Interval: time.Minute}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { // which writes to stderr otherwise
		few.Do(func() { log.Warn().Err(err).Msg("tracing") })
	}))
	t := &Tracer{exporter: newExporter(s, log), log: log}
	about, _ := resource.New(context.Background(), // an error is about the environment, and the provider tells of it, too
		resource.WithTelemetrySDK(), resource.WithService(),
		resource.WithAttributes(semconv.ServiceName("leadrelay"), semconv.ServiceVersion(version)), resource.WithFromEnv())
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithBatcher(t.exporter), sdktrace.WithResource(about))
	t.tracer = t.provider.Tracer("leadrelay", trace.WithInstrumentationVersion(version))
	log.Info().Str("collector", t.exporter.shown).Msg("posts are traced")
	return t
}

// Close sends what has not been sent yet, if the collector takes it soon.
func (t *Tracer) Close() {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := t.provider.Shutdown(ctx)
	t.exporter.close() // the SDK goes on with what it has, whatever its context says
	if err != nil {
		t.log.Warn().Str("collector", t.exporter.shown).Msg("the last traces are lost: the collector has not taken them in time")
	}
}

// contextOf returns a context in the trace. If it is no traceparent, a span in the context
// begins a trace.
func contextOf(t lead.Trace) context.Context {
	return propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": string(t)})
}

// Post is the trace of a post.
type Post struct {
	tracer trace.Tracer
	ctx    context.Context //nolint:containedctx // it is the life of one post
	span   trace.Span
}

// Post begins the trace of a post to the route, or goes on with the parent's if that is a
// traceparent. The site is empty if there is no such.
func (t *Tracer) Post(parent lead.Trace, route, siteID string) *Post {
	about := []attribute.KeyValue{semconv.HTTPRequestMethodPost, semconv.HTTPRoute(route)}
	if siteID != "" {
		about = append(about, siteKey.String(siteID))
	}
	ctx, span := t.tracer.Start(contextOf(parent), "POST "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(about...))
	return &Post{t.tracer, ctx, span}
}

// Parent returns what makes another span a child of the post's.
func (p *Post) Parent() lead.Trace {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(p.ctx, carrier)
	return lead.Trace(carrier["traceparent"])
}

// Kept tells what became of the lead since the store was asked for it. A repeat is linked
// with the post that brought the lead.
func (p *Post) Kept(asked time.Time, state lead.State, kept lead.Kept, err error) {
	_, span := p.tracer.Start(p.ctx, "keep", trace.WithTimestamp(asked))
	defer span.End()
	if err != nil {
		span.SetStatus(codes.Error, "")
		return
	}
	about := []attribute.KeyValue{remoteIDKey.Int64(int64(kept.RemoteID))}
	if kept.Again {
		about = append(about, repeatKey.Bool(true))
	} else {
		about = append(about, stateKey.String(string(state)))
	}
	span.SetAttributes(about...)
	p.span.SetAttributes(about...)
	if first := trace.SpanContextFromContext(contextOf(kept.First)); first.IsValid() {
		p.span.AddLink(trace.Link{SpanContext: first})
	}
}

// End tells what was answered.
func (p *Post) End(status int) {
	p.span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	if status >= http.StatusInternalServerError {
		fail(p.span, strconv.Itoa(status))
	}
	p.span.End()
}

// fail says of a span that what it is about has failed, and why, in one word.
func fail(span trace.Span, why string) {
	span.SetAttributes(semconv.ErrorTypeKey.String(why))
	span.SetStatus(codes.Error, "")
}

// Step tells of an attempt or a look-up, and of the lead's confirmation, if it was that.
// Each is a child of the post.
func (t *Tracer) Step(s lead.TraceStep) {
	ctx := contextOf(s.Trace)
	if !trace.SpanContextFromContext(ctx).IsValid() { // nobody began the trace
		return
	}
	about := []attribute.KeyValue{siteKey.String(s.Site), remoteIDKey.Int64(int64(s.RemoteID))}
	if s.State != "" {
		about = append(about, stateKey.String(string(s.State)))
	}
	began, ended, always := trace.WithTimestamp(s.Began), trace.WithTimestamp(s.Ended), trace.WithAttributes(about...)
	if s.Attempt > 0 {
		t.attempt(ctx, s, began, always).End(ended)
		return
	}
	_, span := t.tracer.Start(ctx, "look-up", began, always, trace.WithAttributes(foundKey.Int(s.Found)))
	span.End(ended)
	if s.State == lead.Confirmed && s.Was != lead.Confirmed {
		_, span = t.tracer.Start(ctx, "confirmed", ended, always)
		span.End(ended)
	}
}

// attempt begins the span of an attempt.
func (t *Tracer) attempt(ctx context.Context, s lead.TraceStep, options ...trace.SpanStartOption) trace.Span {
	address, err := url.Parse(s.URL)
	if err != nil {
		address = &url.URL{}
	}
	about := []attribute.KeyValue{
		semconv.HTTPRequestMethodPost, semconv.ServerAddress(address.Hostname()), attemptKey.Int(s.Attempt), outcomeKey.String(string(s.Outcome)),
	}
	if port, err := strconv.Atoi(address.Port()); err == nil {
		about = append(about, semconv.ServerPort(port))
	}
	if s.Status != 0 {
		about = append(about, semconv.HTTPResponseStatusCode(s.Status))
	}
	_, span := t.tracer.Start(ctx, "POST "+address.Path, append(options, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about...))...)
	switch {
	case s.Status >= http.StatusBadRequest:
		fail(span, strconv.Itoa(s.Status))
	case s.Outcome != lead.OutcomeDelivered:
		fail(span, string(s.Outcome))
	}
	return span
}
