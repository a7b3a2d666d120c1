package accept_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/accept"
)

func TestQuality(t *testing.T) {
	tests := map[string]struct {
		header, value string
		quality       float64
		isNamed       bool
	}{
		"an empty header accepts everything":  {"", "text/html", 1, false},
		"the value itself":                    {"text/html", "text/html", 1, true},
		"in capitals":                         {"Text/HTML; Q=0.5", "text/html", 0.5, true},
		"blanks around":                       {" text/html ; q = 0.5 ", "text/html", 0.5, true},
		"another value":                       {"image/png", "text/html", 0, false},
		"all of its group":                    {"text/*;q=0.4", "text/html", 0.4, false},
		"everything":                          {"*/*;q=0.1", "text/html", 0.1, false},
		"the most specific range decides":     {"*/*, text/*;q=0.2, text/html;q=0", "text/html", 0, true},
		"whatever the order":                  {"text/html;q=0, */*", "text/html", 0, true},
		"a parameter before q":                {"text/html;level=1;q=0.3", "text/html", 0.3, true},
		"a q that is no number":               {"text/html;q=x", "text/html", 1, true},
		"a q that is none of ours":            {"text/html;q=9, image/png;q=NaN", "text/html", 1, true},
		"an encoding":                         {"br, gzip;q=0.5", "gzip", 0.5, true},
		"an encoding that is refused":         {"gzip;q=0, br", "gzip", 0, true},
		"all encodings, which name none":      {"*", "gzip", 0, false},
		"nonsense between commas and slashes": {",;q,=;;,/,", "text/html", 0, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			quality, isNamed := accept.Quality(tt.header, tt.value)
			require.InDelta(t, tt.quality, quality, 0)
			require.Equal(t, tt.isNamed, isNamed)
		})
	}
}
