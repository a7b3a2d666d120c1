package server_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/problem"
)

// canaryError is an error that quotes what a visitor typed.
type canaryError struct{ typed string }

func (e canaryError) Error() string { return "cannot read " + e.typed }

func TestAPanicIsAnsweredAndLoggedOnce(t *testing.T) {
	var none []int
	var unmade map[string]int
	tests := map[string]struct {
		panics func()
		says   string
	}{
		"a text":                          {func() { panic("canary") }, "string"},
		"an error that quotes":            {func() { panic(canaryError{"canary"}) }, "server_test.canaryError"},
		"an error that wraps one":         {func() { panic(fmt.Errorf("read: %w", canaryError{"canary"})) }, "*fmt.wrapError"},
		"a value of any type":             {func() { panic(map[string]int{"canary": 1}) }, "map[string]int"},
		"nil":                             {func() { panic(nil) }, "panic called with nil argument"},
		"an index out of range":           {func() { none[0]++ }, "runtime error: index out of range [0] with length 0"},
		"a nil map":                       {func() { unmade["canary"] = 1 }, "assignment to entry in nil map"},
		"a wrong type":                    {func() { _ = any("canary").(int) }, "interface conversion: interface {} is string, not int"},
		"an error of the runtime wrapped": {func() { panic(errors.Join(canaryError{"canary"})) }, "*errors.joinError"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(zerolog.InfoLevel)
			s.Get("/f/{site}", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "3") // of the page that it was about to write
				w.Header().Set("Content-Encoding", "gzip")
				tt.panics()
			})
			w := s.ask("GET", "/f/canary?canary", "X-Request-Id", "id-1")
			requireProblem(t, w, http.StatusInternalServerError, problem.Internal)

			require.NotContains(t, s.log.String(), "canary\"")
			all := s.log.all(t)
			require.Len(t, all, 2)
			require.Equal(t, "error", all[0]["level"])
			require.Equal(t, "panic", all[0]["message"])
			require.Equal(t, tt.says, all[0]["panic"])
			require.Equal(t, "id-1", all[0]["request_id"])
			require.Contains(t, all[0]["stack"], "recover_test.go")
			require.NotContains(t, all[0]["stack"], "canary")
			require.EqualValues(t, 500, all[1]["status"])
			require.Equal(t, "/f/{site}", all[1]["route"])
		})
	}
}

func requireProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code problem.Code) {
	t.Helper()
	require.Equal(t, status, w.Code)
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	require.Empty(t, w.Header().Get("Content-Length"))
	require.Empty(t, w.Header().Get("Content-Encoding"))
	var d problem.Document
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &d))
	require.Equal(t, code, d.Code)
	require.Equal(t, w.Header().Get("X-Request-Id"), d.RequestID)
}

// A page that is cut off must not look complete, however much of it was flushed.
func TestAPanicAfterTheAnswerBeganCutsIt(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"the headers": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) },
		"a few bytes": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "half") },
		"what is sent": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
		},
	}
	for name, begin := range tests {
		t.Run(name, func(t *testing.T) {
			s := newStage(zerolog.InfoLevel)
			s.Get("/", func(w http.ResponseWriter, r *http.Request) { begin(w, r); panic("canary") })
			d := open(t, s, quick())
			answer := say(t, d.Addr(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			require.NotContains(t, answer, "problem")
			require.NotContains(t, answer, "\r\n0\r\n\r\n", "the end of a whole answer")
			d.close(t)
			all := s.log.all(t)
			require.Len(t, all, 2)
			require.Equal(t, "panic", all[0]["message"])
			require.Equal(t, "request", all[1]["message"])
		})
	}
}

// http.ErrAbortHandler closes the connection, as in net/http.
func TestAnAbortPassesQuietly(t *testing.T) {
	s := newStage(zerolog.InfoLevel)
	s.Get("/", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	d := open(t, s, quick())
	require.Empty(t, say(t, d.Addr(), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	d.close(t)
	require.Equal(t, "request", s.log.only(t)["message"])
}
