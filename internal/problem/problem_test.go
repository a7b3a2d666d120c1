package problem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"leadrelay/internal/locale"
	"leadrelay/internal/problem"
)

var statuses = map[problem.Code]int{
	problem.Unreadable: 400, problem.BadQuery: 400, problem.Unauthorized: 401, problem.OriginNotAllowed: 403, problem.UnknownHost: 421, problem.UnknownSite: 404, problem.NotFound: 404, problem.MethodNotAllowed: 405,
	problem.InProgress: 409, problem.WrongState: 409, problem.TooLarge: 413, problem.UnsupportedType: 415, problem.Invalid: 422, problem.KeyReused: 422,
	problem.TooMany: 429, problem.TryAgain: 503, problem.TooSlow: 503, problem.Internal: 500,
}

func TestEveryProblemHasItsStatusAndWords(t *testing.T) {
	for code, status := range statuses {
		e := problem.New(code, nil)
		require.Equal(t, status, e.Status, code)
		for _, lang := range []locale.Lang{locale.ES, locale.EN} {
			d := e.Document(http.Header{}, lang)
			for _, words := range []string{d.Title, d.Detail, d.Next} {
				require.NotEmpty(t, words)
				require.NotContains(t, words, "problem.", "%s has no text in %s", code, lang)
			}
		}
	}
}

func TestAWrongStateIsNamed(t *testing.T) {
	for lang, want := range map[locale.Lang]string{locale.ES: "Se está enviando", locale.EN: "It is being sent"} {
		d := problem.NewWrongState("retry", "sending", nil).Document(http.Header{}, lang)
		require.Equal(t, problem.WrongState, d.Code)
		require.Contains(t, d.Detail, want)
		require.Contains(t, d.Detail, "(sending)")
	}
}

// Visitors and operators read different texts of the same problem.
func TestWordsForVisitorsAndOperators(t *testing.T) {
	for _, tt := range []struct {
		e                 *problem.Error
		visitor, operator string
	}{
		{problem.New(problem.NotFound, nil), "This page does not exist", "There is nothing at this address"},
		{problem.NewNoLead(nil), "There is no such lead", "There is no such lead"},
		{problem.New(problem.TooMany, nil), "Too many requests", "Too many requests"}, // without a text for operators
	} {
		require.Equal(t, tt.visitor, tt.e.Document(http.Header{}, locale.EN).Title)
		r, w := httptest.NewRequest("GET", "/", nil), httptest.NewRecorder()
		r.Header.Set("Accept-Language", "en")
		problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return tt.e }).ServeHTTP(w, r)
		require.Contains(t, w.Body.String(), `"title":"`+tt.operator+`"`)
	}
}

func TestHandlerFunc(t *testing.T) {
	disk := errors.New("disk full at /var/lib")
	tests := map[string]struct {
		err    error
		status int
		body   string
		header http.Header
	}{
		"a problem": {
			problem.New(problem.NotFound, disk), 404,
			`{"type":"urn:leadrelay:problem:not_found","title":"There is nothing at this address","status":404,"detail":"%s","code":"not_found","request_id":"req-1"}`, nil,
		},
		"a problem that was wrapped": {
			fmt.Errorf("find: %w", problem.NewTryAgain(1500*time.Millisecond, disk)), 503,
			`{"type":"urn:leadrelay:problem:try_again","title":"%s","status":503,"detail":"%s","code":"try_again","request_id":"req-1"}`,
			http.Header{"Retry-After": {"2"}},
		},
		"wrong fields": {
			problem.NewInvalid([]problem.Field{{Field: "email", Code: "TYPE_EMAIL", Message: "<no>"}, {Field: "name", Code: "TOO_LONG", Message: "no"}}, nil), 422,
			`{"type":"urn:leadrelay:problem:invalid","title":"%s","status":422,"detail":"%s","code":"invalid","request_id":"req-1","errors":` +
				`[{"field":"email","code":"TYPE_EMAIL","message":"<no>"},{"field":"name","code":"TOO_LONG","message":"no"}]}`, nil,
		},
		"a wrong method": {problem.NewMethodNotAllowed("GET, HEAD"), 405, "", http.Header{"Allow": {"GET, HEAD"}}},
		"too many":       {problem.NewTooMany(time.Minute), 429, "", http.Header{"Retry-After": {"60"}}},
		"any other error": {
			disk, 500,
			`{"type":"urn:leadrelay:problem:internal","title":"%s","status":500,"detail":"%s","code":"internal","request_id":"req-1"}`, nil,
		},
		"a problem without a status": {&problem.Error{Code: problem.NotFound}, 500, "", nil},
		"a code that is none":        {problem.New("nonsense", nil), 500, "", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("X-Request-Id", "req-1")
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Accept-Language", "en")
			problem.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return tt.err }).ServeHTTP(w, r)

			require.Equal(t, tt.status, w.Code)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
			for name, values := range tt.header {
				require.Equal(t, values, w.Header()[name])
			}
			require.NotContains(t, w.Body.String(), "disk full")
			if tt.body != "" {
				requireSameJSON(t, tt.body, w.Body.Bytes())
			}
		})
	}
}

// requireSameJSON compares all members except those that are "%s" in want.
func requireSameJSON(t *testing.T, want string, got []byte) {
	t.Helper()
	var expected, actual map[string]any
	require.NoError(t, json.Unmarshal([]byte(want), &expected))
	require.NoError(t, json.Unmarshal(got, &actual))
	for name, value := range expected {
		if value == "%s" {
			require.NotEmpty(t, actual[name])
			expected[name] = actual[name]
		}
	}
	require.Equal(t, expected, actual)
}

func TestHandlerFuncLeavesAnAnswerAlone(t *testing.T) {
	w := httptest.NewRecorder()
	problem.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Empty(t, w.Header())
}

func TestTheCauseIsForTheLog(t *testing.T) {
	var log bytes.Buffer
	ctx := zerolog.New(&log).WithContext(t.Context())
	disk := errors.New("disk full")
	e := problem.NewTryAgain(time.Second, disk)
	require.ErrorIs(t, e, disk)
	require.EqualError(t, e, "try_again: disk full")
	require.EqualError(t, problem.New(problem.NotFound, nil), "not_found")

	e.Log(ctx)
	zerolog.Ctx(ctx).Info().Msg("request")
	require.JSONEq(t, `{"level":"info","problem":"try_again","cause":"disk full","message":"request"}`, log.String())
	problem.New(problem.NotFound, nil).Log(t.Context()) // without a logger it does nothing
}

func TestWithKeepsOtherProblemsAsTheyAre(t *testing.T) {
	first := problem.New(problem.UnsupportedType, nil).With("Accept-Post", "a").With("Accept-Encoding", "b")
	second := problem.New(problem.UnsupportedType, nil)
	require.Len(t, first.Header, 2)
	require.Empty(t, second.Header)
}
