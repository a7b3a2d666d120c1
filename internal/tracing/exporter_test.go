package tracing_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
	"leadrelay/internal/tracing"
	"leadrelay/internal/tracing/tracingtest"
)

const secretText = "kanarienvogel"

// one makes a span.
func one(t *tracing.Tracer) { t.Post("", "/f", "default").End(http.StatusSeeOther) }

// Only what a collector may take later is sent again, with pauses, and not for ever.
func TestWhatACollectorAnswers(t *testing.T) {
	const given = time.Minute // long after the time of a batch
	after := func(text string) http.Header { return http.Header{"Retry-After": {text}} }
	for name, tt := range map[string]struct {
		status   int
		header   http.Header
		body     string
		requests int
		logs     string // empty for none
	}{
		"taken":                            {200, nil, `{}`, 1, ""},
		"taken, with nothing said":         {200, nil, "", 1, ""},
		"taken, by another":                {202, nil, "\n", 1, ""},
		"a warning":                        {200, nil, `{"partialSuccess":{"errorMessage":"` + secretText + `"}}`, 1, ""},
		"some are rejected":                {200, nil, `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"` + secretText + `"}}`, 1, "rejects 1 span"},
		"some are rejected, as a number":   {200, nil, `{"partialSuccess":{"rejectedSpans":1}}`, 1, "rejects 1 span"},
		"a web page":                       {200, nil, "<html>" + secretText, 1, "is no collector"},
		"bad data":                         {400, nil, `{"code":3,"message":"` + secretText + `"}`, 1, "answers 400"},
		"a wrong key":                      {401, nil, secretText, 1, "answers 401"},
		"a wrong path":                     {404, nil, secretText, 1, "answers 404"},
		"too large":                        {413, nil, "", 1, "answers 413"},
		"a bug":                            {500, nil, "", 1, "answers 500"},
		"a redirect":                       {307, http.Header{"Location": {"http://other.example/" + secretText}}, "", 1, "answers 307"},
		"too many":                         {429, nil, "", 5, "answers 429"},
		"a proxy's":                        {502, nil, "", 5, "answers 502"},
		"overload":                         {503, nil, "", 5, "answers 503"},
		"another proxy's":                  {504, nil, "", 5, "answers 504"},
		"overload, and a time":             {503, after("4"), "", 3, "answers 503"},
		"overload, and a long time":        {503, after("3600"), "", 1, "answers 503"},
		"overload, and a time without end": {503, after(strings.Repeat("9", 18)), "", 1, "answers 503"},
		"overload, and a time gone by":     {503, after("-1"), "", 5, "answers 503"},
		"overload, and rubbish":            {503, after(secretText), "", 5, "answers 503"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				collector := new(tracingtest.Collector)
				var last time.Time
				collector.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
					last = time.Now()
					for name, values := range tt.header {
						w.Header()[name] = values
					}
					w.WriteHeader(tt.status)
					_, _ = w.Write([]byte(tt.body))
					return true
				})
				tracer, log := start(t, collector)
				one(tracer)
				begun := time.Now()
				time.Sleep(given)
				tracer.Close()
				if tt.requests == 1 {
					require.Len(t, collector.Requests(), 1)
				} else {
					require.InDelta(t, tt.requests, len(collector.Requests()), 1, "the pauses are by chance")
				}
				require.LessOrEqual(t, last.Sub(begun), 5*time.Second+10*time.Second, "no longer than a batch may take")
				require.NotContains(t, log.String(), secretText)
				require.NotContains(t, log.String(), "other.example")
				if tt.logs == "" {
					require.Equal(t, []string{"posts are traced"}, log.messages(t))
				} else {
					require.Contains(t, log.String(), tt.logs)
					require.Len(t, log.messages(t), 2)
				}
			})
		})
	}
}

// What was not taken at first is taken later, once.
func TestACollectorThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := new(tracingtest.Collector)
		failures := 0
		collector.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			if failures++; failures > 2 {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		})
		tracer, log := start(t, collector)
		one(tracer)
		time.Sleep(15 * time.Second)
		require.NoError(t, collector.Err())
		require.Len(t, collector.Spans(), 1)
		require.Equal(t, []string{"posts are traced"}, log.messages(t), "nothing was lost")
		tracer.Close()
	})
}

// A date is as good as a number of seconds, and the next batch waits for it, too.
func TestACollectorThatWantsToBeLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := new(tracingtest.Collector)
		var asked []time.Time
		collector.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
			if asked = append(asked, time.Now()); len(asked) > 1 {
				return false
			}
			w.Header().Set("Retry-After", time.Now().Add(40*time.Second).UTC().Format(http.TimeFormat))
			w.WriteHeader(http.StatusTooManyRequests)
			return true
		})
		tracer, log := start(t, collector)
		for range 12 {
			one(tracer)
			time.Sleep(5 * time.Second)
		}
		tracer.Close()
		require.NoError(t, collector.Err())
		require.Greater(t, len(collector.Spans()), 1, "several batches were to be sent meanwhile, and the last was")
		require.GreaterOrEqual(t, asked[1].Sub(asked[0]), 39*time.Second, "a date has no fractions of a second")
		require.Equal(t, []string{
			"posts are traced", "traces are lost: the collector does not take them", "the collector takes traces again; these were lost",
		}, log.messages(t))
	})
}

// Who posts does not wait for a collector that hangs, and the memory is bounded. The end of
// the process does not wait for long.
func TestACollectorThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		collector := new(tracingtest.Collector)
		collector.Answer(func(_ http.ResponseWriter, r *http.Request) bool {
			<-r.Context().Done()
			return true
		})
		tracer, log := start(t, collector)
		begun := time.Now()
		const many = 10_000
		for range many {
			post := tracer.Post("", "/f", "default")
			post.Kept(time.Now(), lead.Queued, lead.Kept{RemoteID: 7}, nil)
			post.End(http.StatusSeeOther)
			tracer.Step(attempt(post.Parent(), time.Now()))
		}
		require.Zero(t, time.Since(begun))
		time.Sleep(time.Hour)
		sent := 0
		for _, r := range collector.Requests() {
			sent += strings.Count(r.Body, `"spanId"`)
		}
		require.LessOrEqual(t, sent, 2048+512, "what did not fit was dropped")
		require.LessOrEqual(t, len(log.messages(t)), 5)

		for range many {
			one(tracer)
		}
		begun = time.Now()
		tracer.Close()
		require.LessOrEqual(t, time.Since(begun), 3*time.Second)
		require.Contains(t, log.messages(t), "the last traces are lost: the collector has not taken them in time")
		one(tracer) // nothing comes of it
	})
}

// A collector that is away is told of once a minute, and its return; so is one that comes and
// goes.
func TestTheLogIsNotFlooded(t *testing.T) {
	for name, isAway := range map[string]func(request int) bool{
		"away":           func(int) bool { return true },
		"comes and goes": func(n int) bool { return n%2 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				collector, asked := new(tracingtest.Collector), 0
				collector.Answer(func(w http.ResponseWriter, _ *http.Request) bool {
					if asked++; isAway(asked) {
						w.WriteHeader(http.StatusInternalServerError)
						return true
					}
					return false
				})
				tracer, log := start(t, collector)
				for range 3600 {
					one(tracer)
					time.Sleep(time.Second)
				}
				tracer.Close()
				require.NoError(t, collector.Err())
				require.Greater(t, len(log.messages(t)), 50)
				require.LessOrEqual(t, len(log.messages(t)), 1+2*60)
			})
		})
	}
}

// What is sent at the end of the process arrives.
func TestTheLastSpansArrive(t *testing.T) {
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	const many = 1000 // two batches
	for range many {
		one(tracer)
	}
	tracer.Close()
	require.NoError(t, collector.Err())
	require.Len(t, collector.Spans(), many)
}

// refusing is a network on which nobody listens.
type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("connection refused")
}

// No secret is in the log: neither of the headers nor of the address.
func TestNoSecretOfTheCollectorIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logged)
		tracer := tracing.New(map[string]string{
			endpoint:                     "http://user:" + secretText + "@collector:4318/?token=" + secretText,
			"OTEL_EXPORTER_OTLP_HEADERS": "api-key=" + secretText + ",bad name=" + secretText + ",api-key=" + secretText + "%0d%0a," + secretText,
			"OTEL_EXPORTER_OTLP_TIMEOUT": "soon",
		}, "test", zerolog.New(log))
		tracer.Through(refusing{})
		one(tracer)
		time.Sleep(time.Minute)
		tracer.Close()
		require.NotContains(t, log.String(), secretText)
		require.Contains(t, log.String(), "connection refused")
		require.Contains(t, log.String(), "http://collector:4318/v1/traces")
		require.Contains(t, log.String(), "OTEL_EXPORTER_OTLP_HEADERS must be")
		require.Contains(t, log.String(), "OTEL_EXPORTER_OTLP_TIMEOUT must be")
	})
}

func TestWhereTracesGo(t *testing.T) {
	const traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	for name, tt := range map[string]struct{ name, address, path string }{
		"a base":                        {endpoint, "", "/v1/traces"},
		"a base with a slash":           {endpoint, "/", "/v1/traces"},
		"a base with a path":            {endpoint, "/api/otlp", "/api/otlp/v1/traces"},
		"a base with a path and slash":  {endpoint, "/api/otlp/", "/api/otlp/v1/traces"},
		"for traces alone":              {traces, "/custom", "/custom"},
		"for traces alone, and a slash": {traces, "/custom/", "/custom/"},
		"for traces alone, no path":     {traces, "", "/"},
	} {
		t.Run(name, func(t *testing.T) {
			collector := new(tracingtest.Collector)
			server := httptest.NewServer(collector)
			defer server.Close()
			env := map[string]string{
				endpoint: "http://127.0.0.1:1/", tt.name: " " + server.URL + tt.address + " ", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
				"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20YW5hOmx1eg==, x-plain = Basic YW5hOmx1eg== ,x-plus=a+b,x-broken=50%,x-lines=a%0d%0ab,content-type=text/plain,",
			}
			log := new(logged)
			tracer := tracing.New(env, "test", zerolog.New(log))
			one(tracer)
			tracer.Close()
			require.NoError(t, collector.Err())
			require.Len(t, collector.Spans(), 1, log.String())
			r := collector.Requests()[0]
			require.Equal(t, tt.path, r.Path)
			require.Equal(t, "Basic YW5hOmx1eg==", r.Header.Get("Authorization"))
			require.Equal(t, "Basic YW5hOmx1eg==", r.Header.Get("X-Plain"))
			require.Equal(t, "a+b", r.Header.Get("X-Plus"))
			require.Equal(t, "50%", r.Header.Get("X-Broken"))
			require.Empty(t, r.Header.Get("X-Lines"), "what is no header keeps the others from nothing")
			require.Contains(t, log.String(), `"collector":"`+server.URL+tt.path+`"`)
			require.Equal(t, 1, strings.Count(log.String(), "OTEL_EXPORTER_OTLP_PROTOCOL"), "said once")
		})
	}
}

// Without a collector there is no tracer, and no wrong setting keeps a relay from starting.
func TestNobodyTraces(t *testing.T) {
	const address = "http://127.0.0.1:4318"
	for name, tt := range map[string]struct {
		env  map[string]string
		logs string
	}{
		"nothing is set":       {nil, ""},
		"it is empty":          {map[string]string{endpoint: " "}, ""},
		"another signal's":     {map[string]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": address}, ""},
		"the SDK is disabled":  {map[string]string{endpoint: address, "OTEL_SDK_DISABLED": "True"}, ""},
		"traces go nowhere":    {map[string]string{endpoint: address, "OTEL_TRACES_EXPORTER": "none"}, ""},
		"no scheme":            {map[string]string{endpoint: "collector:4318"}, endpoint + " must be"},
		"no scheme, and an IP": {map[string]string{endpoint: "127.0.0.1:4318"}, endpoint + " must be"},
		"another scheme":       {map[string]string{endpoint: "grpc://collector"}, endpoint + " must be"},
		"no host":              {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://:4318"}, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be"},
		"no certificate":       {map[string]string{endpoint: address, "OTEL_EXPORTER_OTLP_CERTIFICATE": "/dev/null"}, "OTEL_EXPORTER_OTLP_CERTIFICATE is no"},
	} {
		t.Run(name, func(t *testing.T) {
			log := new(logged)
			require.Nil(t, tracing.New(tt.env, "test", zerolog.New(log)))
			if tt.logs == "" {
				require.Empty(t, log.String())
			} else {
				require.Contains(t, log.String(), tt.logs)
				require.Equal(t, []string{"nothing is traced"}, log.messages(t))
			}
		})
	}
}

// A collector with a certificate of its own is believed if the file says so, and a server
// that it redirects to never hears of us.
func TestACollectorWithItsOwnCertificate(t *testing.T) {
	elsewhere := new(tracingtest.Collector)
	other := httptest.NewServer(elsewhere)
	defer other.Close()
	collector := new(tracingtest.Collector)
	server := httptest.NewUnstartedServer(collector)
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // one client does not believe it
	server.StartTLS()
	defer server.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	for name, want := range map[string]int{file: 1, "": 0} {
		log := new(logged)
		tracer := tracing.New(map[string]string{endpoint: server.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE": name, "OTEL_EXPORTER_OTLP_TIMEOUT": "900"}, "test", zerolog.New(log))
		before := len(collector.Spans())
		one(tracer)
		tracer.Close()
		require.Len(t, collector.Spans(), before+want, log.String())
	}
	collector.Answer(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		return true
	})
	log := new(logged)
	tracer := tracing.New(map[string]string{endpoint: server.URL, "OTEL_EXPORTER_OTLP_CERTIFICATE": file}, "test", zerolog.New(log))
	one(tracer)
	tracer.Close()
	require.Contains(t, log.String(), "answers 307")
	require.Empty(t, elsewhere.Requests())
}

// What nobody has heard of is still JSON: texts that are no UTF-8, and as long as they like.
func TestOddTexts(t *testing.T) {
	collector := new(tracingtest.Collector)
	tracer, _ := start(t, collector)
	for i, id := range []string{"a\xffb", "<&>\u2028\"", strings.Repeat("x", 100_000)} {
		step := attempt(sampled, time.Now())
		step.Site, step.Attempt = id, i+1
		tracer.Step(step)
	}
	tracer.Close()
	require.NoError(t, collector.Err())
	require.Len(t, collector.Spans(), 3, fmt.Sprint(len(collector.Requests())))
}
