package console_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// What asks for nothing once it is read must not ask for all: a search leaves out
// accents, and a zero time is no bound.
func TestWhatIsNothingInTheEndIsNotAll(t *testing.T) {
	tests := []struct {
		name, value string
		ok          bool
	}{
		{"q", "\u0301", false},
		{"q", " \u0301\u0308 ", false},
		{"q", "a\u0301", true},
		{"q", "é", true},
		{"before", "0001-01-01T00:00:00Z", false},
		{"after", "0000-12-31T18:00:00-06:00", false},
		{"before", "0001-01-01T00:00:01Z", true},
	}
	d := newDesk(t)
	for _, tt := range tests {
		body, err := json.Marshal(map[string]any{tt.name: tt.value, "dry_run": true})
		require.NoError(t, err)
		replay, list := http.StatusOK, http.StatusOK
		if !tt.ok {
			replay, list = http.StatusUnprocessableEntity, http.StatusBadRequest
		}
		require.Equal(t, replay, d.order(http.MethodPost, "/api/v1/replays", string(body)).Code, "%q", tt.value)
		require.Equal(t, list, d.get("/api/v1/leads?"+tt.name+"="+url.QueryEscape(tt.value)).Code, "%q", tt.value)
	}
}
