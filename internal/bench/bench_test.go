package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAnswerIsReadToItsEnd(t *testing.T) {
	const whole = "HTTP/1.1 202 Accepted\r\nContent-Length: 11\r\n\r\n"
	for name, c := range map[string]struct {
		answer    string
		head, end int
		fails     bool
	}{
		"whole":             {whole + `{"ok":true}`, len(whole), len(whole) + 11, false},
		"the body to come":  {whole, len(whole), len(whole) + 11, false},
		"half a head":       {whole[:30], 0, 31, false},
		"another status":    {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 0, 0, true},
		"no length":         {"HTTP/1.1 202 Accepted\r\n\r\n", 0, 0, true},
		"a length in words": {"HTTP/1.1 202 Accepted\r\nContent-Length: two\r\n\r\n", 0, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			head, end, err := parseHead([]byte(c.answer))
			require.Equal(t, c.fails, err != nil)
			require.Equal(t, []int{c.head, c.end}, []int{head, end})
		})
	}
}

func TestTheTableSaysWhatWasMissed(t *testing.T) {
	var all table
	all.atLeast(6, "fast", 6.5)
	all.atMost(64, "small", 71.23, "MB")
	all.add("told", 0.01234, "ms")
	var out bytes.Buffer
	require.NoError(t, all.print(&out, false))
	require.Equal(t, 1, all.missed())
	require.Regexp(t, `fast +6.50 +× +≥ 6  ok`, out.String())
	require.Regexp(t, `small +71.2 +MB +≤ 64  MISSED`, out.String())
	require.Regexp(t, `told +0.0123 +ms`, out.String())
}

func TestAQuantileLeavesTheOrderAlone(t *testing.T) {
	values := []float64{3, 1, 2, 5, 4}
	require.InDelta(t, 3, median(values), 0)
	require.InDelta(t, 5, quantile(values, 0.99), 0)
	require.Equal(t, []float64{3, 1, 2, 5, 4}, values)
}
