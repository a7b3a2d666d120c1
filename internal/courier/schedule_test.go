package courier

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"leadrelay/internal/lead"
)

func TestJitterStaysWithinAFifth(t *testing.T) {
	for i := range 1000 {
		wait := time.Duration(1 + rand.Int64N(int64(time.Hour)))
		got := jitter(wait, lead.Claim{Lead: lead.Lead{RemoteID: lead.RemoteID(1e10 + i)}, Tries: i % 9})
		require.GreaterOrEqual(t, got, wait*79/100)
		require.LessOrEqual(t, got, wait*121/100+1)
	}
}

func TestLooksComeEarlyThenLessOftenAndOnceWhenTheListHasSettled(t *testing.T) {
	sent := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	settled := sent.Add(5 * time.Minute)
	var looks []time.Duration
	for at := sent; at.Before(sent.Add(time.Hour)); {
		at = nextLookUp(at, sent, settled, true)
		looks = append(looks, at.Sub(sent))
	}
	require.Equal(t, []time.Duration{
		5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second,
		5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 40 * time.Minute, 50 * time.Minute, time.Hour,
	}, looks)
}
