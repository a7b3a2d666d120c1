package console_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/console"
)

func TestARequestForAnotherNameIsRefused(t *testing.T) {
	tests := map[string]struct{ path, accept, language, kind, says string }{
		"a browser":          {"/", "text/html,application/xhtml+xml,*/*;q=0.8", "es-MX", "text/html; charset=utf-8", "LEADRELAY_OPERATOR_URL y reinicia"},
		"one in English":     {"/sites", "text/html", "en", "text/html; charset=utf-8", "set LEADRELAY_OPERATOR_URL"},
		"a program":          {"/api/v1/leads", "", "en", "application/problem+json", `"unknown_host"`},
		"a browser's script": {"/api/v1/leads", "text/html", "en", "application/problem+json", `"unknown_host"`},
		"Prometheus":         {"/metrics", "text/plain", "en", "application/problem+json", "that of LEADRELAY_OPERATOR_URL alone"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, test.path, nil)
			r.Host = "evil.mx"
			r.Header.Set("Accept", test.accept)
			r.Header.Set("Accept-Language", test.language)
			w := httptest.NewRecorder()
			console.RefuseHost(w, r)
			require.Equal(t, http.StatusMisdirectedRequest, w.Code)
			require.Equal(t, test.kind, w.Header().Get("Content-Type"))
			require.Contains(t, w.Body.String(), test.says)
			require.NotContains(t, w.Body.String(), "evil.mx")
		})
	}
}
