package main

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatTakesLongSaysSo(t *testing.T) {
	tests := map[string]struct {
		isTerminal bool
		takes      time.Duration
		want       string
	}{
		"at once":                {false, 1900 * time.Millisecond, ""},
		"at once, on a terminal": {true, 1900 * time.Millisecond, ""},
		"a while, for a log":     {false, 23 * time.Second, "leadrelay: reading: 2s\nleadrelay: reading: 12s\nleadrelay: reading: 22s\n"},
		"a while, on a terminal": {true, 3500 * time.Millisecond, "\r\x1b[Kreading: 2s\r\x1b[Kreading: 3s\r\x1b[K"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				done := progress{&out, tt.isTerminal}.start("reading")
				time.Sleep(tt.takes)
				done()
				require.Equal(t, tt.want, out.String())
			})
		})
	}
}
