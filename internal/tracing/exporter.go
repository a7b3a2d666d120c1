package tracing

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/rs/zerolog"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// exporter sends spans to a collector as OTLP/JSON over HTTP. The specification says that
// servers should accept that on the same port as OTLP/HTTP with protobuf, by the
// Content-Type (opentelemetry.io/docs/specs/otlp, "OTLP/HTTP Connection"); OpenTelemetry's
// collector does, and with its receiver Jaeger and Tempo. The SDK's own exporter would
// bring protobuf and gRPC along, which are 2 MB.
//
// The SDK calls one ExportSpans at a time, so but for close nothing is locked.
type exporter struct {
	settings
	shown  string // the address, for the log
	client *http.Client
	log    zerolog.Logger
	life   context.Context //nolint:containedctx // it ends with close
	close  context.CancelFunc

	notBefore time.Time // when the collector may be asked again
	lost      int       // spans, since the log was told of the last end of that
	isTold    bool      // the log was told that some are lost, and not yet of the end of that
	told      time.Time // when the log was last told
}

func newExporter(s *settings, log zerolog.Logger) *exporter {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: s.roots}
	e := &exporter{settings: *s, shown: s.url.Scheme + "://" + s.url.Host + s.url.Path, log: log, client: &http.Client{
		Transport: transport,
		// A redirect would take the headers, and what they let in, to who knows where.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	e.life, e.close = context.WithCancel(context.Background())
	context.AfterFunc(e.life, transport.CloseIdleConnections)
	return e
}

// ExportSpans implements [sdktrace.SpanExporter]. It returns no error, because the SDK would
// tell of each: the exporter tells itself, and now and then.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	body, err := encode(spans)
	if err == nil {
		err = e.post(ctx, body)
	}
	rejected, isPartly := errors.AsType[rejectedError](err)
	switch {
	case isPartly:
		e.note(int(rejected), err)
	case err != nil:
		e.note(len(spans), err)
	default:
		e.noteTaken()
	}
	return nil
}

// Shutdown implements [sdktrace.SpanExporter]. There is nothing left to send.
func (e *exporter) Shutdown(context.Context) error { return nil }

// post sends a batch, and sends it again if the collector may take it later: at the earliest
// when it says, and otherwise with growing pauses, until the batch's time is over.
func (e *exporter) post(ctx context.Context, body []byte) error {
	const shortest = 500 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	var err error
	for pause := shortest; ; pause *= 2 {
		if !sleepUntil(ctx, e.notBefore) {
			return cmp.Or(err, ctx.Err())
		}
		again, after := false, time.Duration(0)
		if again, after, err = e.send(ctx, body); !again {
			e.notBefore = time.Time{}
			return err
		}
		e.notBefore = time.Now().Add(max(after, pause/2+rand.N(pause)))
	}
}

// sleepUntil reports whether it has come to that.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// rejectedError is how many spans of a batch the collector has not taken. It has taken the
// others, so nothing is sent again.
type rejectedError int

func (n rejectedError) Error() string { return fmt.Sprintf("the collector rejects %d spans", int(n)) }

// send makes one request. It reports whether another may help, and how long the collector
// wants to be left alone before. The error quotes nothing that came back.
func (e *exporter) send(ctx context.Context, body []byte) (again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url.String(), bytes.NewReader(body))
	if err != nil {
		return false, 0, errors.New("the request could not be built")
	}
	for name, values := range e.header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err // the outer one has the address, and that may have a secret
		}
		return true, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	const maxAnswer = 64 << 10
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch status := resp.StatusCode; {
	case status < http.StatusOK || status >= http.StatusMultipleChoices:
		err = fmt.Errorf("the collector answers %d", status)
		return slices.Contains([]int{429, 502, 503, 504}, status), retryAfter(resp.Header), err
	case err != nil:
		return false, 0, errors.New("the collector's answer breaks off") // it may have the spans
	}
	return false, 0, partialSuccess(answer)
}

// partialSuccess reads the answer to a batch that was taken.
func partialSuccess(answer []byte) error {
	var a struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"` // a string or a number
		} `json:"partialSuccess"`
	}
	if answer = bytes.TrimSpace(answer); len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return errors.New("what answers is no collector: its answer is not OTLP/JSON")
	}
	if n, _ := a.PartialSuccess.RejectedSpans.Int64(); n > 0 {
		return rejectedError(n)
	}
	return nil
}

// retryAfter returns how long the collector wants to be left alone, within reason.
func retryAfter(h http.Header) time.Duration {
	const longest = 5 * time.Minute
	given := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(given); err == nil {
		return min(longest, time.Duration(max(0, min(seconds, int(longest/time.Second))))*time.Second)
	}
	at, err := http.ParseTime(given)
	if err != nil {
		return 0
	}
	return max(0, min(longest, time.Until(at)))
}

// note tells the log of lost spans, once a minute at most.
func (e *exporter) note(lost int, cause error) {
	const pause = time.Minute
	if e.lost += lost; time.Since(e.told) < pause {
		return
	}
	e.told, e.isTold = time.Now(), true
	e.log.Warn().Err(cause).Str("collector", e.shown).Int("spans", e.lost).Msg("traces are lost: the collector does not take them")
}

// noteTaken tells the log that the collector takes spans again, if it was told otherwise.
func (e *exporter) noteTaken() {
	if e.isTold {
		e.log.Info().Str("collector", e.shown).Int("spans", e.lost).Msg("the collector takes traces again; these were lost")
		e.isTold, e.lost = false, 0
	}
}
