package tracing

import (
	"encoding/json"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// The types below are OTLP's, as JSON: ids are hexadecimal and not base64, integers of 64
// bits are strings, enums are numbers, and what is empty is left out and never null.
// Source: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"; opentelemetry-proto,
// trace/v1/trace.proto.
type (
	exportRequest struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resourceJSON `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
		SchemaURL  string       `json:"schemaUrl,omitempty"`
	}
	resourceJSON struct {
		Attributes []keyValue `json:"attributes,omitempty"`
	}
	scopeSpans struct {
		Scope scopeJSON  `json:"scope"`
		Spans []spanJSON `json:"spans"`
	}
	scopeJSON struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	spanJSON struct {
		TraceID      string     `json:"traceId"`
		SpanID       string     `json:"spanId"`
		ParentSpanID string     `json:"parentSpanId,omitempty"`
		Flags        uint32     `json:"flags"`
		Name         string     `json:"name"`
		Kind         int        `json:"kind"`
		Start        string     `json:"startTimeUnixNano"`
		End          string     `json:"endTimeUnixNano"`
		Attributes   []keyValue `json:"attributes,omitempty"`
		Links        []linkJSON `json:"links,omitempty"`
		Status       statusJSON `json:"status"`
	}
	linkJSON struct {
		TraceID string `json:"traceId"`
		SpanID  string `json:"spanId"`
		Flags   uint32 `json:"flags"`
	}
	statusJSON struct {
		Code int `json:"code,omitempty"`
	}
	keyValue struct {
		Key   string   `json:"key"`
		Value anyValue `json:"value"`
	}
	anyValue struct {
		String *string `json:"stringValue,omitempty"`
		Bool   *bool   `json:"boolValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
	}
)

// encode encodes spans. All are of one provider, and so of one resource and one scope.
func encode(spans []sdktrace.ReadOnlySpan) ([]byte, error) {
	all := make([]spanJSON, len(spans))
	for i, s := range spans {
		all[i] = spanOf(s)
	}
	about, scope := spans[0].Resource(), spans[0].InstrumentationScope()
	return json.Marshal(exportRequest{[]resourceSpans{{
		Resource:   resourceJSON{attributes(about.Attributes())},
		ScopeSpans: []scopeSpans{{scopeJSON{scope.Name, scope.Version}, all}},
		SchemaURL:  about.SchemaURL(),
	}}})
}

func spanOf(s sdktrace.ReadOnlySpan) spanJSON {
	is, parent := s.SpanContext(), s.Parent()
	one := spanJSON{
		TraceID: is.TraceID().String(), SpanID: is.SpanID().String(), Flags: flags(is, parent.IsRemote()),
		Name: s.Name(), Kind: int(s.SpanKind()), // the SDK counts as the protocol does
		Start: nanoseconds(s.StartTime()), End: nanoseconds(s.EndTime()), Attributes: attributes(s.Attributes()),
	}
	if parent.IsValid() {
		one.ParentSpanID = parent.SpanID().String()
	}
	for _, l := range s.Links() {
		to := l.SpanContext
		one.Links = append(one.Links, linkJSON{to.TraceID().String(), to.SpanID().String(), flags(to, to.IsRemote())})
	}
	if s.Status().Code == codes.Error { // we set no other
		one.Status.Code = 2
	}
	return one
}

// flags returns those of the trace, and whether another process has the parent or what is
// linked.
func flags(of trace.SpanContext, isRemote bool) uint32 {
	const hasIsRemote, remote = 0x100, 0x200
	all := uint32(of.TraceFlags()) | hasIsRemote
	if isRemote {
		all |= remote
	}
	return all
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

func attributes(all []attribute.KeyValue) []keyValue {
	pairs := make([]keyValue, len(all))
	for i, kv := range all {
		pairs[i].Key = string(kv.Key)
		switch v := &pairs[i].Value; kv.Value.Type() {
		case attribute.BOOL:
			is := kv.Value.AsBool()
			v.Bool = &is
		case attribute.INT64:
			n := strconv.FormatInt(kv.Value.AsInt64(), 10)
			v.Int = &n
		default:
			text := kv.Value.String()
			v.String = &text
		}
	}
	return pairs
}
