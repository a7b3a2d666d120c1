package tracing_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"leadrelay/internal/lead"
	"leadrelay/internal/tracing"
	"leadrelay/internal/tracing/tracingtest"
)

const (
	pageTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
	pageSpan    = "00f067aa0ba902b7"
	sampled     = lead.Trace("00-" + pageTrace + "-" + pageSpan + "-01")
	notSampled  = lead.Trace("00-" + pageTrace + "-" + pageSpan + "-00")
	endpoint    = "OTEL_EXPORTER_OTLP_ENDPOINT"
	serverKind  = 2
	clientKind  = 3
	localKind   = 1
	failed      = 2
	contactPath = "/v1/integration_partners/contact_requests"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// messages returns what the lines say.
func (l *logged) messages(t *testing.T) (all []string) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var one struct{ Message string }
		require.NoError(t, json.Unmarshal([]byte(line), &one))
		all = append(all, one.Message)
	}
	return all
}

// direct brings requests to a handler without a network. As with one, a request that is given
// up gets no answer.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := make(chan *http.Response, 1)
	go func() {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		answer <- w.Result()
	}()
	select {
	case resp := <-answer:
		return resp, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// start returns a tracer whose collector is reached without a network.
func start(t *testing.T, c http.Handler) (*tracing.Tracer, *logged) {
	t.Helper()
	log := new(logged)
	tracer := tracing.New(map[string]string{endpoint: "http://collector:4318"}, "v1.2.3", zerolog.New(log))
	require.NotNil(t, tracer)
	tracer.Through(direct{c})
	t.Cleanup(tracer.Close)
	return tracer, log
}

// attempt is the first one of the lead.
func attempt(of lead.Trace, began time.Time) lead.TraceStep {
	return lead.TraceStep{
		Trace: of, Site: "casas", RemoteID: 7, Began: began, Ended: began.Add(time.Second), Was: lead.Sending, State: lead.Delivered, Attempt: 1,
		URL: "https://api.easybroker.com" + contactPath, Outcome: lead.OutcomeDelivered, Status: 200,
	}
}

func TestOneTraceFromThePostToTheConfirmation(t *testing.T) {
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	asked := time.Now()
	post := tracer.Post(sampled, "/f/{site}", "casas")
	parent := post.Parent()
	post.Kept(asked, lead.Queued, lead.Kept{RemoteID: 7}, nil)
	post.End(http.StatusAccepted)
	tracer.Close()

	// Another process has the lead, and what is on disk of its trace.
	other, _ := start(t, collector)
	refused := attempt(parent, asked.Add(time.Minute))
	refused.State, refused.Outcome, refused.Status, refused.URL = lead.Queued, lead.OutcomeDeferred, 503, "http://127.0.0.1:8001/v1/contact_requests"
	other.Step(refused)
	sent := attempt(parent, asked.Add(2*time.Minute))
	sent.Attempt = 2
	other.Step(sent)
	other.Step(lead.TraceStep{Trace: parent, Site: "casas", RemoteID: 7, Began: sent.Ended, Ended: sent.Ended.Add(time.Second), Was: lead.Delivered, State: lead.Confirmed, Found: 1})
	other.Close()

	require.NoError(t, collector.Err())
	spans := collector.Spans()
	var names []string
	ids := map[string]bool{}
	for _, s := range spans {
		names = append(names, s.Name)
		ids[s.ID] = true
		require.Equal(t, pageTrace, s.TraceID)
		require.Equal(t, "leadrelay", s.Resource["service.name"])
		require.Equal(t, "v1.2.3", s.Resource["service.version"])
		require.Equal(t, "go", s.Resource["telemetry.sdk.language"])
		require.NotEmpty(t, s.Resource["service.instance.id"])
		require.Equal(t, uint32(0x301), s.Flags|0x200, "sampled, and it is known whether the parent is remote")
	}
	require.Len(t, ids, len(spans))
	require.ElementsMatch(t, []string{"POST " + contactPath, "POST /f/{site}", "POST /v1/contact_requests", "confirmed", "keep", "look-up"}, names)

	the := func(name string) tracingtest.Span { return collector.Named(name)[0] }
	server := the("POST /f/{site}")
	require.Equal(t, pageSpan, server.ParentID)
	require.Equal(t, parent, lead.Trace("00-"+pageTrace+"-"+server.ID+"-01"))
	require.Equal(t, []int{serverKind, 0}, []int{server.Kind, server.Status})
	require.Equal(t, map[string]any{
		"http.request.method": "POST", "http.route": "/f/{site}", "http.response.status_code": int64(202),
		"leadrelay.site": "casas", "leadrelay.remote_id": int64(7), "leadrelay.state": "queued",
	}, server.Attributes)
	require.NotZero(t, server.Flags&0x200, "its parent is the page's")
	keep := the("keep")
	require.Equal(t, server.ID, keep.ParentID)
	require.Equal(t, localKind, keep.Kind)
	require.Zero(t, keep.Flags&0x200)
	require.Equal(t, map[string]any{"leadrelay.remote_id": int64(7), "leadrelay.state": "queued"}, keep.Attributes)

	first, second := the("POST /v1/contact_requests"), the("POST "+contactPath)
	require.Equal(t, []int{clientKind, failed, clientKind, 0}, []int{first.Kind, first.Status, second.Kind, second.Status})
	require.Equal(t, map[string]any{
		"http.request.method": "POST", "server.address": "127.0.0.1", "server.port": int64(8001), "http.response.status_code": int64(503), "error.type": "503",
		"leadrelay.site": "casas", "leadrelay.remote_id": int64(7), "leadrelay.state": "queued", "leadrelay.attempt": int64(1), "leadrelay.outcome": "deferred",
	}, first.Attributes)
	require.Equal(t, map[string]any{
		"http.request.method": "POST", "server.address": "api.easybroker.com", "http.response.status_code": int64(200),
		"leadrelay.site": "casas", "leadrelay.remote_id": int64(7), "leadrelay.state": "delivered", "leadrelay.attempt": int64(2), "leadrelay.outcome": "delivered",
	}, second.Attributes)
	require.Equal(t, time.Second, second.End.Sub(second.Start))
	require.True(t, second.Start.Equal(sent.Began))
	about := map[string]any{"leadrelay.site": "casas", "leadrelay.remote_id": int64(7), "leadrelay.state": "confirmed"}
	require.Equal(t, about, the("confirmed").Attributes)
	about["leadrelay.found"] = int64(1)
	require.Equal(t, about, the("look-up").Attributes)
	for _, s := range []tracingtest.Span{first, second, the("look-up"), the("confirmed")} {
		require.Equal(t, server.ID, s.ParentID, s.Name)
	}
}

// A repeat has a trace of its own, and leads to that of the first.
func TestARepeatIsLinkedWithTheFirst(t *testing.T) {
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	first := tracer.Post("", "/f", "default")
	first.End(http.StatusSeeOther)
	again := tracer.Post("", "/f", "default")
	again.Kept(time.Now(), lead.Queued, lead.Kept{RemoteID: 7, Again: true, First: first.Parent()}, nil)
	again.End(http.StatusSeeOther)
	untraced := tracer.Post("", "/f", "default")
	untraced.Kept(time.Now(), lead.Queued, lead.Kept{RemoteID: 8, Again: true}, nil) // the first was not traced
	untraced.End(http.StatusSeeOther)
	tracer.Close()
	require.NoError(t, collector.Err())
	posts := collector.Named("POST /f")
	require.Len(t, posts, 3)
	require.Equal(t, []string{posts[0].ID}, posts[1].Links)
	require.NotEqual(t, posts[0].TraceID, posts[1].TraceID)
	require.Equal(t, true, posts[1].Attributes["leadrelay.repeat"])
	require.NotContains(t, posts[1].Attributes, "leadrelay.state", "of the first, nobody knows here")
	require.Empty(t, posts[2].Links)
}

// What is no traceparent begins a trace. The sampled flag is the parent's to set, and what
// comes later follows it.
func TestWhoBeginsATrace(t *testing.T) {
	for name, tt := range map[string]struct {
		given          lead.Trace
		goesOn, isSent bool
	}{
		"a page's":                         {sampled, true, true},
		"a page's that is not sampled":     {notSampled, true, false},
		"of a later version":               {"cc-" + sampled[3:] + "-more", true, true},
		"none":                             {"", false, true},
		"of zeros":                         {"00-00000000000000000000000000000000-" + pageSpan + "-01", false, true},
		"of no span":                       {"00-" + pageTrace + "-0000000000000000-01", false, true},
		"of capitals":                      {lead.Trace(strings.ToUpper(string(sampled))), false, true},
		"of a version that there is not":   {"ff" + sampled[2:], false, true},
		"too short":                        {sampled[:54], false, true},
		"too long":                         {sampled + "-more", false, true},
		"several":                          {sampled + "," + sampled, false, true},
		"long":                             {lead.Trace(strings.Repeat("0", 1<<20)), false, true},
		"a line end":                       {sampled + "\r\n", false, true},
		"not sampled, and flags of nobody": {notSampled[:53] + "f0", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			collector := new(tracingtest.Collector)
			tracer, _ := start(t, collector)
			post := tracer.Post(tt.given, "/f", "default")
			parent := post.Parent()
			require.Equal(t, tt.goesOn, parent.ID() == pageTrace)
			require.Len(t, parent.ID(), 32)
			require.Equal(t, tt.isSent, strings.HasSuffix(string(parent), "1"), parent)
			post.Kept(time.Now(), lead.Queued, lead.Kept{RemoteID: 7}, nil)
			post.End(http.StatusSeeOther)
			tracer.Step(attempt(parent, time.Now()))
			tracer.Close()
			require.NoError(t, collector.Err())
			want := 0
			if tt.isSent {
				want = 3
			}
			require.Len(t, collector.Spans(), want)
		})
	}
}

// A lead that was kept while nobody traced begins no trace later, nor does one whose
// traceparent is spoiled.
func TestALeadWithoutATraceBeginsNone(t *testing.T) {
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	for _, of := range []lead.Trace{"", "x", lead.Trace(strings.Repeat("0", 55))} {
		tracer.Step(attempt(of, time.Now()))
		confirmed := attempt(of, time.Now())
		confirmed.Attempt, confirmed.State = 0, lead.Confirmed
		tracer.Step(confirmed)
	}
	tracer.Close()
	require.Empty(t, collector.Requests())
}

// What fails is told apart, and only our own failures are failures of the relay.
func TestWhatFailed(t *testing.T) {
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	refused := tracer.Post("", "/f/{site}", "")
	refused.End(http.StatusNotFound)
	full := tracer.Post("", "/f", "default")
	full.Kept(time.Now(), lead.Queued, lead.Kept{}, errors.New("disk full: ana@ejemplo.mx"))
	full.End(http.StatusServiceUnavailable)
	unanswered := attempt(full.Parent(), time.Now())
	unanswered.State, unanswered.Outcome, unanswered.Status, unanswered.URL = "", lead.OutcomeUnsure, 0, "://"
	tracer.Step(unanswered)
	tracer.Close()
	require.NoError(t, collector.Err())
	the := func(name string) tracingtest.Span { return collector.Named(name)[0] }
	require.Equal(t, map[string]any{"http.request.method": "POST", "http.route": "/f/{site}", "http.response.status_code": int64(404)}, the("POST /f/{site}").Attributes)
	require.Zero(t, the("POST /f/{site}").Status)
	require.Equal(t, failed, the("POST /f").Status)
	require.Equal(t, "503", the("POST /f").Attributes["error.type"])
	require.Equal(t, failed, the("keep").Status)
	require.Empty(t, the("keep").Attributes)
	require.Equal(t, failed, the("POST ").Status)
	require.Equal(t, "unsure", the("POST ").Attributes["error.type"])
	require.NotContains(t, the("POST ").Attributes, "leadrelay.state")
	require.NotContains(t, fmt.Sprint(collector.Requests()), "ejemplo")
}

// The SDK reads its own variables.
func TestTheVariablesOfTheSDK(t *testing.T) {
	t.Setenv("OTEL_SERVICE_NAME", "leads")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=other,deployment.environment.name=prod,region=m%C3%A9xico")
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	tracer.Post("", "/f", "default").End(http.StatusSeeOther)
	tracer.Close()
	resource := collector.Spans()[0].Resource
	require.Equal(t, "leads", resource["service.name"])
	require.Equal(t, "prod", resource["deployment.environment.name"])
	require.Equal(t, "méxico", resource["region"])

	t.Setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
	tracer, _ = start(t, collector)
	off := tracer.Post("", "/f", "default")
	require.True(t, strings.HasSuffix(string(off.Parent()), "-00"))
	off.End(http.StatusSeeOther)
	tracer.Step(attempt(off.Parent(), time.Now()))
	tracer.Post(sampled, "/f", "of a page").End(http.StatusSeeOther)
	tracer.Close()
	require.Len(t, collector.Spans(), 2)
	require.Equal(t, "of a page", collector.Spans()[1].Attributes["leadrelay.site"])
}

// A mistake in the SDK's variables is in the log. The SDK would write it to stderr.
func TestAWrongVariableOfTheSDK(t *testing.T) {
	t.Setenv("OTEL_TRACES_SAMPLER", "sometimes")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "region")
	tracer, log := start(t, new(tracingtest.Collector))
	tracer.Close()
	require.Contains(t, log.String(), "sometimes")
	require.Contains(t, log.String(), "region")
}
